import { type LogicalType, SyncError } from '../../core/index.ts';
import type { Checkpoint, TrackingPlan, TrackingRequest } from '../source.ts';
import type { PageRequest } from './row-system.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** What is read again, since nothing shows when a record was committed. */
const OVERLAPS: Partial<Record<LogicalType['kind'], number>> = {
  timestamptz: 5 * MINUTE_MS,
  timestamp: 5 * MINUTE_MS,
  date: DAY_MS,
};

/** Where the next delta begins: `value` inclusive, ISO 8601 in UTC. */
interface ChangedSince extends Checkpoint {
  readonly version: 1;
  readonly field: string;
  readonly value: string;
}

function isChangedSince(checkpoint: Checkpoint): checkpoint is ChangedSince {
  const { version, field, value } = checkpoint;
  return version === 1 && typeof field === 'string' && typeof value === 'string';
}

/** The next delta begins shortly before this reading did. @throws `SOURCE_CHANGED` when the field holds no time */
export function planTracking({ schema, field, snapshot }: TrackingRequest): TrackingPlan {
  const overlapMs = OVERLAPS[field.logicalType.kind];
  if (overlapMs === undefined)
    throw new SyncError(
      'SOURCE_CHANGED',
      `${field.id} of ${schema.id} is ${field.remoteType}, which cannot track changes. Choose another tracking field.`,
    );
  const value = new Date(Date.parse(snapshot.lowerBound.value) - overlapMs).toISOString();
  const next: ChangedSince = { version: 1, field: field.id, value };
  const reread = overlapMs === DAY_MS ? 'one day is' : 'five minutes are';
  return { next, guarantee: 'best_effort', reason: `${snapshot.lowerBound.reason}; ${reread} read again` };
}

/** What the system is asked for; null = all records. */
export function toChangedSince(from: Checkpoint | null): PageRequest['changedSince'] {
  if (from === null) return null;
  if (isChangedSince(from)) return { field: from.field, value: from.value };
  throw new SyncError('INTERNAL', 'A checkpoint was handed back that no reader of rows made. Report it.');
}
