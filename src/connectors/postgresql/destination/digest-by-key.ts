import type { RangeSum } from '../../../core/index.ts';
import { addSums, emptySum } from '../../../formats/index.ts';
import type { Session } from '../client.ts';
import type { SessionPool } from '../sessions.ts';
import { quoteTable, quoteText } from '../sql.ts';
import { type DigestScope, isLookedUp, sumRecords, toAlive } from './digest.ts';

/** Pages of the stage whose keys make one list; the server holds two of them at a time. */
const LEAST_PAGES = 256;
const MOST_PAGES = 4_096;
/** More than sessions, so that none waits long for the other at the end. */
const PARTS = 8;

/** Staged records of some pages; `to` is null at the end. */
interface Part {
  readonly from: number;
  readonly to: number | null;
}

/** Types that a list holds as the table does, and of which an index finds all values of a list in one walk. */
const LISTED = /^(smallint|integer|bigint|numeric|text|character varying|uuid|date|timestamp)\b(?!.*\[)/;

/** The first version that reads a stage by its pages. */
const PAGES_SINCE = 140_000;

/** True where the live records are found by lists of staged keys, see `digestByKey`. */
export function isKeyListed({ version }: Session, scope: DigestScope): boolean {
  const keys = scope.plan.columns.filter(({ isKey }) => isKey);
  const [key] = keys;
  if (key === undefined || keys.length > 1 || version < PAGES_SINCE || !isLookedUp(scope)) return false;
  return LISTED.test(key.type) && scope.live?.columns.get(key.name) === key.type;
}

/**
 * Count and sum of the live records whose keys are staged. An index finds a sorted list of keys leaf by leaf, in half of the
 * CPU time of looking them up one by one; where there are many, two sessions share the lists.
 */
export async function digestByKey(
  pool: SessionPool,
  session: Session,
  scope: DigestScope,
  signal: AbortSignal,
): Promise<RangeSum> {
  const left = await listParts(session, scope, signal);
  if (left.length < 2 || pool.isTight) return readParts(session, scope, left, signal);
  const isDone = new AbortController();
  const other = readBeside(pool, scope, left, { signal, isDone: isDone.signal });
  const [own, beside] = await Promise.allSettled([
    readParts(session, scope, left, signal).finally(() => {
      // Nothing is left to begin, or nothing of it is wanted any more.
      left.length = 0;
      isDone.abort();
    }),
    other,
  ]);
  if (own.status === 'rejected') throw own.reason;
  if (beside.status === 'rejected') throw beside.reason;
  return addSums(own.value, beside.value);
}

async function listParts(session: Session, { names }: DigestScope, signal: AbortSignal): Promise<Part[]> {
  const sql = `SELECT (pg_relation_size(${quoteText(names.scratch)}::regclass) / current_setting('block_size')::bigint)::text AS pages`;
  const [row] = await session.query('Measuring a stage', sql, [], signal);
  const pages = Number(row?.pages ?? 0);
  const size = Math.min(MOST_PAGES, Math.max(LEAST_PAGES, Math.ceil(pages / PARTS)));
  const count = Math.max(1, Math.ceil(pages / size));
  return Array.from({ length: count }, (_, no) => ({ from: no * size, to: no + 1 < count ? (no + 1) * size : null }));
}

/** What a second session reads: nothing where there is no place for it before the first one has begun the last part. */
async function readBeside(
  pool: SessionPool,
  scope: DigestScope,
  left: Part[],
  { signal, isDone }: { readonly signal: AbortSignal; readonly isDone: AbortSignal },
): Promise<RangeSum> {
  const session = await pool.acquire(AbortSignal.any([signal, isDone]), true).catch(() => null);
  if (session === null) return emptySum(scope.countsOnly);
  try {
    const sum = await readParts(session, scope, left, signal);
    await pool.release(session);
    return sum;
  } catch (error) {
    left.length = 0;
    session.destroy();
    throw error;
  }
}

/** A plan that read a whole table would compare each record with each key of a list. */
const BY_INDEX = 'BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off';

async function readParts(session: Session, scope: DigestScope, left: Part[], signal: AbortSignal): Promise<RangeSum> {
  const { names, countsOnly } = scope;
  const [key = ''] = names.keys;
  let sum = emptySum(countsOnly);
  let part = left.shift();
  if (part === undefined) return sum;
  const action = `Reading ${quoteTable(scope.plan.table)} again`;
  await session.script(action, BY_INDEX, signal);
  for (; part !== undefined; part = left.shift()) {
    const staged = `SELECT s.${key} FROM ${names.scratch} s${toPages(part)}`;
    const where = [...toAlive(scope), `t.${key} = ANY (ARRAY(${staged}))`].join(' AND ');
    sum = addSums(sum, await sumRecords(session, scope, `FROM ONLY ${names.live} t WHERE ${where}`, signal));
  }
  await session.script(action, 'COMMIT', signal);
  return sum;
}

function toPages({ from, to }: Part): string {
  if (from === 0 && to === null) return '';
  return ` WHERE s.ctid >= '(${from},0)'::tid${to === null ? '' : ` AND s.ctid < '(${to},0)'::tid`}`;
}
