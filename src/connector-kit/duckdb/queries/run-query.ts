import { type ChildProcess, fork } from 'node:child_process';
import { SyncError } from '../../../core/index.ts';
import { type FoundRecords, type ReadLimits, toDistinctNames } from '../../models.ts';
import { toSampleValue } from '../../sample-value.ts';
import { toSyncError } from '../errors.ts';
import { describeType } from '../reading/column-types.ts';
import type { AnswerOfChild, QuestionToChild } from './child.ts';

const MIB = 1024 * 1024;
/** DuckDB's; the process itself takes about as much again. */
const MEMORY_BYTES = 256 * MIB;
/** As long as the file is read here, no sync can write it. */
const MAX_MS = 60_000;
/** Messages of these say what is wrong with the statement; those of others may quote records. */
const TELLING = /^(?:Parser|Binder|Catalog|Permission|Not implemented) Error: [^\n]*/;

/**
 * What one SELECT of a user finds in a database file. It runs in a process of its own that can read this file and nothing
 * else, and is killed when its time is over, at most a minute.
 * @throws `QUERY_FAILED` with what DuckDB says of the statement; `FILE_LOCKED` and others when the file cannot be opened
 */
export async function runQuery(
  path: string,
  text: string,
  limits: ReadLimits,
  signal: AbortSignal,
): Promise<FoundRecords> {
  const { maxRecords, maxBytes } = limits;
  const timeoutMs = Math.min(limits.timeoutMs, MAX_MS);
  const answer = await askChild({ path, text, maxRecords, maxBytes, memoryBytes: MEMORY_BYTES }, timeoutMs, signal);
  if (!('error' in answer)) return toFound(answer);
  if (answer.phase === 'opening') throw toSyncError(new Error(answer.error), 'Opening', path);
  throw toQueryError(answer.error);
}

async function askChild(question: QuestionToChild, timeoutMs: number, signal: AbortSignal): Promise<AnswerOfChild> {
  signal.throwIfAborted();
  // Nothing of our own environment, which holds keys, and none of our options, which may name debuggers.
  const child = fork(childUrl(), [], {
    env: {},
    execArgv: ['--max-old-space-size=256'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = Promise.withResolvers<void>();
  child.once('exit', () => ended.resolve());
  child.once('error', () => ended.resolve());
  try {
    return await hearChild(child, question, timeoutMs, signal);
  } finally {
    child.kill('SIGKILL');
    // It keeps others from writing the file until it is gone.
    await ended.promise;
  }
}

function hearChild(
  child: ChildProcess,
  question: QuestionToChild,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<AnswerOfChild> {
  const { promise, resolve, reject } = Promise.withResolvers<AnswerOfChild>();
  const stop = () => reject(signal.reason);
  const timer = setTimeout(() => reject(tooSlow(timeoutMs)), timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  child.once('message', (answer) => resolve(answer as AnswerOfChild)); // sent by `child.ts`
  child.once('error', reject);
  child.once('exit', () =>
    reject(new SyncError('QUERY_FAILED', `The query's process ended without an answer: ${TOO_MUCH}`)),
  );
  child.send(question, (error) => {
    if (error !== null) reject(error);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  });
}

/** The compiler rewrites imports and leaves URLs alone, so the ending is taken from our own. */
function childUrl(): URL {
  return new URL(`./child${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}

const TOO_MUCH = `it needed more memory than the ${MEMORY_BYTES / MIB} MiB that a query may have. Let it look at less.`;

function tooSlow(timeoutMs: number): SyncError {
  return new SyncError(
    'QUERY_FAILED',
    `The query was not done within ${timeoutMs / 1000} s and was stopped. Let it look at less.`,
  );
}

function toQueryError(message: string): SyncError {
  if (/^Out of Memory Error/.test(message)) return new SyncError('QUERY_FAILED', `The query failed: ${TOO_MUCH}`);
  const said = TELLING.exec(message)?.[0] ?? /^[A-Za-z ]+ Error/.exec(message)?.[0] ?? 'an error';
  return new SyncError('QUERY_FAILED', `The query failed: DuckDB says "${said}".`);
}

function toFound({ names, types, rows, isComplete }: Exclude<AnswerOfChild, { error: string }>): FoundRecords {
  const distinct = toDistinctNames(names);
  const described = types.map(describeType);
  const fields = distinct.map((name, index) => ({
    name,
    type: described[index]?.type ?? 'unknown',
    remoteType: types[index] ?? '',
    isUnique: false,
  }));
  const records = rows.map((row) =>
    Object.fromEntries(
      distinct.map((name, index) => {
        const value = row[index] ?? null;
        return [name, typeof value === 'string' ? toSampleValue(value, described[index]?.logicalType) : value];
      }),
    ),
  );
  return { fields, records, isComplete, warnings: [] };
}
