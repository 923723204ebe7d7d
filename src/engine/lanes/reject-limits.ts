import { firstError, SyncError } from '../../core/index.ts';
import { countRejectsOfOthers, type RejectRow, type Run, saveRejects, type WorkItem } from '../../store/index.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';

/** Of one schema: so many mean that the table does not fit. */
export const MAX_REJECTS_PER_SCHEMA = 10_000;
/** Of one segment, and of one publication; more of them mean that the column does not fit, not the record. */
export const MAX_REJECTS_PER_STEP = 1_000;
/** Of an execution as a whole: five tables that do not fit at all. It bounds what the metadata keep, too. */
const MAX_REJECTS_PER_EXECUTION = 50_000;

/**
 * Lists what a segment has lost.
 * @throws `TOO_MANY_REJECTS` when the execution as a whole would lose too many
 */
export async function listLost(
  parts: EngineParts,
  run: Run,
  item: WorkItem,
  rejects: readonly RejectRow[],
  stop: AbortSignal,
): Promise<void> {
  const lost = { ...ownerOf(parts, run), rejects, atMost: MAX_REJECTS_PER_EXECUTION };
  if (await retryStore(() => saveRejects(parts.store, item, lost), stop)) return;
  throw tooMany(item, `Nothing of this schema was published. The last reason: ${rejects.at(-1)?.reason ?? 'unknown'}.`);
}

/** Lists what a publication has lost: it has been, so it is listed in any case. */
export async function listLostInPublication(
  parts: EngineParts,
  run: Run,
  item: WorkItem,
  rejects: readonly RejectRow[],
  stop: AbortSignal,
): Promise<void> {
  const lost = { ...ownerOf(parts, run), rejects, atMost: null };
  await retryStore(() => saveRejects(parts.store, item, lost), stop);
}

function ownerOf({ workerId }: EngineParts, { execution }: Run) {
  return { organizationId: execution.organizationId, workerId };
}

/** How many records the execution may still lose, those that this item has listed before aside. */
export async function findRoom(parts: EngineParts, item: WorkItem, stop: AbortSignal): Promise<number> {
  const others = await retryStore(() => countRejectsOfOthers(parts.store.db, item), stop);
  return MAX_REJECTS_PER_EXECUTION - others;
}

/** What may be lost in a step, and what is as it was when that is not enough. */
export interface RejectRoom {
  readonly item: WorkItem;
  readonly room: number;
  /** A sentence. */
  readonly unchanged: string;
}

/** Does a step that may lose records, with leave to lose so many as both the step and the execution may. */
export async function withinRoom<Outcome>(
  { item, room, unchanged }: RejectRoom,
  step: (maxRejects: number) => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await step(Math.max(0, Math.min(MAX_REJECTS_PER_STEP, room)));
  } catch (thrown) {
    const error = firstError(thrown);
    const isOurs = error instanceof SyncError && error.code === 'TOO_MANY_REJECTS' && room < MAX_REJECTS_PER_STEP;
    throw isOurs ? tooMany(item, unchanged, error) : thrown;
  }
}

function tooMany({ schemaId }: WorkItem, rest: string, cause?: unknown): SyncError {
  return new SyncError(
    'TOO_MANY_REJECTS',
    `With records of ${schemaId}, more than ${MAX_REJECTS_PER_EXECUTION} would be refused in this execution. ${rest} Look at the list of rejects, mend the data or the destination's columns, then start again.`,
    { cause, detail: { schemaId } },
  );
}
