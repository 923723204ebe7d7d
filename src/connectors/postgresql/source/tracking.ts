import type {
  Checkpoint,
  HighestSeen,
  ReadRequest,
  TrackingPlan,
  TrackingRequest,
} from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import { type Chunk, watchHighestValue } from '../../../formats/index.ts';
import type { Session } from '../client.ts';
import { fromSchemaId } from '../schema-id.ts';
import { quoteName, quoteTable, quoteText } from '../sql.ts';
import { isPlain, toFrom } from './table.ts';

/** Types that a cursor is compared as. Without a precision, which would round it up. */
const CURSOR_TYPES = { timestamptz: 'timestamptz', timestamp: 'timestamp', date: 'date', integer: 'bigint' } as const;
type TrackedKind = keyof typeof CURSOR_TYPES;

/** Where the next delta begins: `value` inclusive, as PostgreSQL's text of that kind. */
export interface DeltaCheckpoint extends Checkpoint {
  readonly version: 1;
  readonly field: string;
  readonly kind: TrackedKind;
  readonly value: string;
}

/** What is read again where a late commit can carry an earlier time. */
const OVERLAP = '5 minutes';
const DATE_OVERLAP = '1 day';

/** True for a checkpoint that this connector made. */
export function isDelta(checkpoint: Checkpoint): checkpoint is DeltaCheckpoint {
  return (
    checkpoint.version === 1 &&
    typeof checkpoint.field === 'string' &&
    typeof checkpoint.value === 'string' &&
    isTracked(checkpoint.kind)
  );
}

function isTracked(kind: unknown): kind is TrackedKind {
  return typeof kind === 'string' && kind in CURSOR_TYPES;
}

/** The condition under which a record may have changed since the checkpoint; ties are read again. */
export function toDeltaCondition(checkpoint: Checkpoint, isNullable: (field: string) => boolean): string {
  if (!isDelta(checkpoint))
    throw new SyncError('INTERNAL', 'A checkpoint was handed back that the PostgreSQL connector did not make.');
  const column = quoteName(checkpoint.field);
  const since = `${column} >= ${quoteText(checkpoint.value)}::${CURSOR_TYPES[checkpoint.kind]}`;
  return isNullable(checkpoint.field) ? `(${since} OR ${column} IS NULL)` : since;
}

/** The highest value of a tracking field among the chunks that were shown. */
export interface TrackingWatch {
  show(chunk: Chunk): void;
  highest(): HighestSeen | undefined;
}

/**
 * Watches the tracking field of a delta that is read without filters: whatever is higher was read, so nobody has to look for
 * the table's highest value afterwards. Null where its values do not travel as they are.
 */
export function watchTracking({ from, format, fields, filters }: ReadRequest): TrackingWatch | null {
  if (from === null || !isDelta(from) || filters.length > 0 || format !== 'pgcopy-binary') return null;
  const position = fields.findIndex(({ id }) => id === from.field);
  const field = fields[position];
  if (field === undefined || field.conversion !== null || field.logicalType.kind !== from.kind) return null;
  const watched = watchHighestValue(position, field.logicalType);
  if (watched === null) return null;
  return {
    show: (chunk) => watched.show(chunk),
    highest() {
      const value = watched.text();
      return value === undefined ? undefined : { field: from.field, value };
    },
  };
}

/**
 * Plans the next delta's start in this execution's snapshot. Without an index on the field, and what a read has given, it takes
 * a read of the whole table.
 */
export async function planTracking(
  session: Session,
  request: TrackingRequest,
  signal: AbortSignal,
): Promise<TrackingPlan> {
  const { field, snapshot } = request;
  const table = fromSchemaId(request.schema.id);
  const { kind } = field.logicalType;
  if (!isTracked(kind))
    throw new SyncError(
      'SOURCE_CHANGED',
      `${field.id} of ${quoteTable(table)} is ${field.remoteType}, which cannot track changes. Choose another tracking field.`,
    );
  const isExact = kind === 'timestamptz' && snapshot.lowerBound.isExact;
  const explained = explain(kind, isExact, snapshot.lowerBound.reason);
  if (request.mayLeaveOpen === true) return { next: null, isNextOpen: true, ...explained };
  // A schema that is begun again may have read by the field that was chosen before.
  const known = request.highest?.field === field.id ? request.highest.value : undefined;
  const highest =
    known === undefined
      ? `SELECT max(${quoteName(field.id)}) AS highest FROM ${toFrom(table, await isPlain(session, table, signal))}`
      : `SELECT $2::${CURSOR_TYPES[kind]} AS highest`;
  const [row] = await session.query(
    `Reading the highest ${quoteName(field.id)} of ${quoteTable(table)}`,
    `SELECT (${toNext(kind, isExact)})::text AS next FROM (${highest}) t, (SELECT $1::timestamptz AS bound) b`,
    [snapshot.lowerBound.value, ...(known === undefined ? [] : [known])],
    signal,
  );
  const value = row?.next ?? null;
  const next: DeltaCheckpoint | null = value === null ? null : { version: 1, field: field.id, kind, value };
  return { next, ...explained };
}

/** SQL of the cursor, from the table's `highest` value and the lower `bound`; NULL = read everything next time. */
function toNext(kind: TrackedKind, isExact: boolean): string {
  switch (kind) {
    case 'timestamptz':
      // Never ahead of the values: an application may stamp records by another clock.
      return isExact
        ? 'least(bound, highest)'
        : `CASE WHEN highest IS NOT NULL THEN least(bound, highest) - interval '${OVERLAP}' END`;
    case 'timestamp':
      return `CASE WHEN highest IS NOT NULL THEN least(bound AT TIME ZONE 'UTC', highest) - interval '${OVERLAP}' END`;
    case 'date':
      return `(CASE WHEN isfinite(highest) THEN highest - interval '${DATE_OVERLAP}' END)::date`;
    default:
      return 'highest';
  }
}

function explain(kind: TrackedKind, isExact: boolean, reason: string): Pick<TrackingPlan, 'guarantee' | 'reason'> {
  if (isExact) return { guarantee: 'database_clock', reason };
  if (kind === 'timestamptz') return { guarantee: 'best_effort', reason: `${reason}; ${OVERLAP} are read again` };
  if (kind === 'timestamp')
    return {
      guarantee: 'best_effort',
      reason: `times without a zone cannot be compared with the database’s clock; ${OVERLAP} are read again`,
    };
  if (kind === 'date')
    return {
      guarantee: 'best_effort',
      reason: `dates do not show when within the day a record was committed; ${DATE_OVERLAP} is read again`,
    };
  return {
    guarantee: 'best_effort',
    reason: 'numbers do not show when a record was committed: one that commits late with a lower number is missed',
  };
}
