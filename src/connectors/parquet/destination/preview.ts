import { assertDistinctNames, keyColumns } from '../../../connector-kit/duckdb/index.ts';
import { collectRefusals, type LoadPlan, tableText } from '../../../connector-kit/index.ts';
import type { LoadPreview, LossBasis, TableChange } from '../../../core/index.ts';
import type { TablePlace } from './layout.ts';
import { refusePlace } from './prepare.ts';
import { findCurrent, type Manifest } from './table-state.ts';

/** What a load would find and do, from the folder and the manifest that readers see. */
export async function previewLoad(place: TablePlace, plan: LoadPlan): Promise<LoadPreview> {
  const live = (await findCurrent(place))?.manifest ?? null;
  const refusals = await collectRefusals(
    () => assertDistinctNames(plan),
    () => refusePlace(place, plan),
  );
  if (live === null) {
    return {
      replacement: { how: 'create', reason: 'there is no such table yet' },
      changes: [
        { kind: 'create_table', column: null, before: null, after: plan.table.name },
        ...plan.columns.map(({ name, type }) => toAddition(name, type)),
      ],
      destroys: [],
      comparesLoss: 'nothing',
      liveRecords: 0,
      refusals,
    };
  }
  const replaced = `The files of ${tableText(plan.table)} are exchanged by one rename; those of before stay until the next exchange.`;
  const changes = listChanges(plan, live);
  const dropped = changes.flatMap(({ kind, column }) =>
    kind === 'drop_column' ? [{ kind, text: `Column ${column} goes with its values.` }] : [],
  );
  return {
    replacement: { how: 'exchange', reason: 'a folder’s files are never changed' },
    changes,
    destroys: [{ kind: 'replace_files', text: replaced }, ...dropped],
    comparesLoss: toLossBasis(plan, live),
    liveRecords: live.records,
    refusals,
  };
}

function listChanges(plan: LoadPlan, live: Manifest): readonly TableChange[] {
  const before = new Map(live.columns.map(({ name, type }) => [name, type]));
  const now = new Set(plan.columns.map(({ name }) => name));
  const planned = plan.columns.flatMap(({ name, type }): TableChange[] => {
    const old = before.get(name);
    if (old === type) return [];
    return [
      old === undefined ? toAddition(name, type) : { kind: 'convert_column', column: name, before: old, after: type },
    ];
  });
  const dropped = live.columns
    .filter(({ name }) => !now.has(name))
    .map(({ name, type }) => ({ kind: 'drop_column', column: name, before: type, after: null }) as const);
  return [...planned, ...dropped];
}

function toAddition(name: string, type: string): TableChange {
  return { kind: 'add_column', column: name, before: null, after: type };
}

/** As the publication decides. */
function toLossBasis(plan: LoadPlan, live: Manifest): LossBasis {
  const keys = keyColumns(plan);
  const isKeyed =
    keys.length > 0 &&
    keys.every(({ name, type }) => live.columns.some((column) => column.name === name && column.type === type));
  return isKeyed ? 'keys' : 'count';
}
