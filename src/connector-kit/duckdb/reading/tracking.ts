import { SyncError } from '../../../core/index.ts';
import type { Checkpoint, TrackingPlan, TrackingRequest } from '../../source.ts';
import type { Session } from '../session.ts';
import { quoteName, quoteText } from '../sql.ts';

/** Types that a cursor is compared as. */
const CURSOR_TYPES = {
  timestamptz: 'TIMESTAMPTZ',
  timestamp: 'TIMESTAMP',
  date: 'DATE',
  integer: 'BIGINT',
} as const;
type TrackedKind = keyof typeof CURSOR_TYPES;

/** What is read again, since nothing shows when a record was committed. */
const OVERLAPS = { timestamptz: '5 minutes', timestamp: '5 minutes', date: '1 day', integer: null } as const;

/** Where the next delta begins: `value` inclusive, as DuckDB's text of that kind. */
interface DeltaCheckpoint extends Checkpoint {
  readonly version: 1;
  readonly field: string;
  readonly kind: TrackedKind;
  readonly value: string;
}

function isDelta(checkpoint: Checkpoint): checkpoint is DeltaCheckpoint {
  const { version, field, value, kind } = checkpoint;
  return version === 1 && typeof field === 'string' && typeof value === 'string' && isTracked(kind);
}

function isTracked(kind: unknown): kind is TrackedKind {
  return typeof kind === 'string' && kind in CURSOR_TYPES;
}

/** SQL under which a record may have changed since the checkpoint; ties and records without a value are read again. */
export function toDeltaCondition(checkpoint: Checkpoint): string {
  if (!isDelta(checkpoint))
    throw new SyncError('INTERNAL', 'A checkpoint was handed back that no reader of DuckDB made. Report it.');
  const column = quoteName(checkpoint.field);
  return `(${column} >= CAST(${quoteText(checkpoint.value)} AS ${CURSOR_TYPES[checkpoint.kind]}) OR ${column} IS NULL)`;
}

/** For people: `at from 2024-05-01`. */
export function toDeltaText(checkpoint: Checkpoint): string {
  return isDelta(checkpoint) ? `${checkpoint.field} from ${checkpoint.value}` : 'changed records';
}

/** Plans the next delta's start: the highest value of `from` (what stands behind FROM), less what is read again. */
export async function planDelta(session: Session, request: TrackingRequest, from: string): Promise<TrackingPlan> {
  const { field, schema } = request;
  const { kind } = field.logicalType;
  if (!isTracked(kind))
    throw new SyncError(
      'SOURCE_CHANGED',
      `${field.id} of ${schema.id} is ${field.remoteType}, which cannot track changes. Choose another tracking field.`,
    );
  const type = CURSOR_TYPES[kind];
  const overlap = OVERLAPS[kind];
  const column = `CAST(${quoteName(field.id)} AS ${type})`;
  // A record stamped in the far future must not hide all others.
  const highest = overlap === null ? `max(${column})` : `max(${column}) FILTER (isfinite(${column}))`;
  const next = overlap === null ? highest : `CAST(${highest} - INTERVAL '${overlap}' AS ${type})`;
  const [row] = await session.rows(`SELECT CAST(${next} AS VARCHAR) AS next FROM ${from}`);
  const value = row?.next ?? null;
  return {
    next: value === null ? null : { version: 1, field: field.id, kind, value: String(value) },
    guarantee: 'best_effort',
    reason: explain(overlap),
  };
}

function explain(overlap: string | null): string {
  const blind = 'a file does not show when a record was committed';
  return overlap === null
    ? `${blind}: one that was added later with a lower number is missed`
    : `${blind}; ${overlap} are read again`;
}
