import { SyncError } from '../../core/index.ts';
import { findQueryPage, insertQueryPage, type JobRecord } from '../../store/index.ts';
import { requireConnection } from '../connections/connections.ts';
import type { Context } from '../context.ts';
import { findOwnJob } from '../jobs/get.ts';
import type { JobHandler } from '../jobs/handler.ts';
import { startJob } from '../jobs/start.ts';
import { type OpenReader, withReader } from '../models/reader.ts';

/** A query of a user, which is a job, and one page of what it found. */
export interface QueryView {
  readonly job: JobRecord;
  /** Null while it is not done. */
  readonly found: QueryOutcome | null;
  /** The records of the asked page. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
  /** Number of the asked page, from 0. */
  readonly page: number;
}

/** What a finished query left beside its pages. */
export interface QueryOutcome {
  readonly fields: readonly string[];
  readonly count: number;
  readonly pages: number;
  /** False when there was more than is kept. */
  readonly isComplete: boolean;
}

/** What is kept of a query, in the metadata database, and how it is cut. */
const MAX_RECORDS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
const PAGE_RECORDS = 100;
const PAGE_BYTES = 512 * 1024;
const KEEP_SECONDS = 3600;
const STATEMENT_LIMIT_MS = 240_000;
const OPEN_LIMIT_MS = 30_000;

interface QueryInput {
  readonly connectionId: string;
  readonly text: string;
}

/**
 * Asks for a query, which a scheduler's process runs soon; look at it by the job's id.
 * @throws `NOT_FOUND`, `FORBIDDEN`, `FEATURE_NOT_SUPPORTED` where the connection has no language to ask in, `TOO_MANY_JOBS`
 */
export async function startQuery(context: Context, connectionId: string, text: string): Promise<JobRecord> {
  await withQueries(context, connectionId, OPEN_LIMIT_MS, async () => {});
  return startJob(context, 'runquery', { connectionId, text } satisfies QueryInput);
}

/**
 * A query as its author sees it, with one page of its records; to everybody else it is unknown.
 * @throws `NOT_FOUND`, also when it has expired
 */
export async function getQuery(context: Context, id: string, page: number): Promise<QueryView> {
  const job = await findOwnJob(context, id);
  const isGone = job?.type !== 'runquery' || (job.expiresAt !== null && job.expiresAt <= context.clock());
  if (isGone) throw unknownQuery(id);
  // What the handler below returned, through JSON.
  const found = job.status === 'done' ? (job.result as QueryOutcome) : null;
  if (found === null || found.pages === 0) return { job, found, records: [], page: 0 };
  const records = await findQueryPage(context.store.db, context.caller.organizationId, id, page);
  if (records === undefined) throw unknownQuery(id);
  return { job, found, records, page };
}

function unknownQuery(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no query ${id} of yours; results are kept for an hour.`);
}

/** Runs a query. Begun once: what happens to be half done when the server stops is reported, not repeated. */
export const QUERY_JOB_HANDLER: JobHandler = {
  maxAttempts: 1,
  limitMs: STATEMENT_LIMIT_MS + OPEN_LIMIT_MS,
  keepSeconds: KEEP_SECONDS,
  run: async (context, job, stop): Promise<QueryOutcome> => {
    // As `startQuery` gave it.
    const { connectionId, text } = job.input as QueryInput;
    const limits = { maxRecords: MAX_RECORDS, maxBytes: MAX_BYTES, timeoutMs: STATEMENT_LIMIT_MS };
    const found = await withQueries(
      context,
      connectionId,
      STATEMENT_LIMIT_MS,
      (reader, signal) => reader.read({ kind: 'query', value: text }, limits, signal),
      stop,
    );
    const pages = toPages(found.records);
    const { organizationId } = context.caller;
    for (const [number, records] of pages.entries())
      await insertQueryPage(context.store.db, organizationId, job.id, { number, records });
    const fields = found.fields.map(({ name }) => name);
    return { fields, count: found.records.length, pages: pages.length, isComplete: found.isComplete };
  },
};

async function withQueries<T>(
  context: Context,
  connectionId: string,
  limitMs: number,
  work: (reader: OpenReader, signal: AbortSignal) => Promise<T>,
  stop?: AbortSignal,
): Promise<T> {
  const connection = await requireConnection(context, connectionId, 'query');
  const refuse = async (reader: OpenReader, signal: AbortSignal): Promise<T> => {
    if (reader.kinds.includes('query')) return work(reader, signal);
    throw new SyncError('FEATURE_NOT_SUPPORTED', `Connection "${connection.name}" has no language to ask in.`);
  };
  return withReader(context, connection, limitMs, refuse, stop);
}

type Records = QueryView['records'];

/** Cut by number and by size; a record that is larger than a page has one of its own. */
function toPages(records: Records): readonly Records[] {
  const pages: Readonly<Record<string, unknown>>[][] = [];
  let bytes = PAGE_BYTES;
  for (const record of records) {
    const size = JSON.stringify(record).length;
    const last = pages.at(-1);
    if (last === undefined || last.length === PAGE_RECORDS || bytes + size > PAGE_BYTES) {
      pages.push([record]);
      bytes = size;
    } else {
      last.push(record);
      bytes += size;
    }
  }
  return pages;
}
