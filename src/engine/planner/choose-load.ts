import { isDeepStrictEqual } from 'node:util';
import type { Checkpoint, Replacement } from '../../connector-kit/index.ts';
import { type LoadKind, readDestinationOptions, VERIFICATION } from '../../core/index.ts';
import { findMadeKey, findWritten, hasOtherKey, hasOtherObfuscation } from './drift.ts';
import type { PlanContext, SchemaToPlan } from './plan-context.ts';
import type { SchemaPlan } from './schema-plan.ts';

/** How a schema's records reach the live table, and why. */
export type LoadChoice = Pick<SchemaPlan, 'kind' | 'kindReason' | 'replacement' | 'from'>;

/** Chooses the cheapest load that keeps what the sync and this start ask for. */
export function chooseLoad(
  context: PlanContext,
  item: SchemaToPlan,
  draft: Pick<SchemaPlan, 'columns' | 'shape' | 'obfuscated'>,
): LoadChoice {
  const { sync, execution } = context.run;
  const { resyncMode } = execution;
  if (execution.type === VERIFICATION) return merge('source and destination are compared; nothing is written');
  if (sync.mode !== 'snapshot' && hasOtherObfuscation(item, draft))
    return replace('other fields are obfuscated now, so nothing of the old table is kept', 'rebuild');
  if (resyncMode === 'resync') return replace('asked for at the start: all records are replaced', 'in_place');
  if (resyncMode === 'rebuild') return replace('asked for at the start: the table is made anew', 'rebuild');
  const inPlace: Replacement = readDestinationOptions(sync.destinationConfiguration).truncateExisting
    ? 'in_place'
    : 'auto';
  if (sync.mode === 'snapshot') return replace('snapshot mode replaces all records', inPlace);
  if (!draft.columns.some((column) => column.isKey))
    return replace('records without a key cannot be merged, so the table is replaced', inPlace);
  if (!item.state.exists) return replace('first load: the table does not exist yet', 'auto');
  const written = findWritten(item);
  if (hasOtherKey(written, draft.columns)) return replace('the key has changed since the last execution', inPlace);
  if (written === null && hasOtherKey(findMadeKey(item.state), draft.columns))
    return replace('the table was made with another key', inPlace);
  const { trackingField, cursor, loadedShape } = item.selection;
  if (trackingField === null) return merge('the schema has no tracking field');
  if (resyncMode !== null || execution.fetchMode === 'full') return merge('asked for at the start');
  if (execution.overrides.selectiveMode === 'nonincrementalFields')
    return merge('the schedule is for fields whose changes the tracking field does not show');
  if (cursor === null) return merge('first execution with this tracking field');
  // Compared as stored: jsonb gives keys back in an order of its own.
  if (!isDeepStrictEqual(loadedShape, JSON.parse(JSON.stringify(draft.shape))))
    return merge('the fields, filters or names have changed since the last execution');
  return {
    kind: 'delta',
    kindReason: `only records at or behind the cursor of ${trackingField}`,
    replacement: 'auto',
    // Written by this connector's planTracking and stored untouched.
    from: cursor as Checkpoint,
  };
}

function replace(kindReason: string, replacement: Replacement): LoadChoice {
  return complete('replace', kindReason, replacement);
}

function merge(why: string): LoadChoice {
  return complete('merge', `full scan: ${why}`, 'auto');
}

function complete(kind: LoadKind, kindReason: string, replacement: Replacement): LoadChoice {
  return { kind, kindReason, replacement, from: null };
}
