import {
  assertDistinctNames,
  keyColumns,
  ownColumnNames,
  ownColumns,
  quoteText,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import { collectRefusals, type LoadPlan, tableText } from '../../../connector-kit/index.ts';
import type { DestructiveStep, LoadPreview, LossBasis, ReplacementWay, TableChange } from '../../../core/index.ts';
import { type CatalogueTable, findTable } from './catalogue.ts';
import { listForsaken as listRequired, listTypeChanges, refuseGaps, refuseUnfit } from './fit-live.ts';
import { listForsaken } from './history.ts';
import { assertAdoptable, refuseRebuild, refuseView } from './prepare.ts';
import { findOwner, hasState, isAdopted } from './state.ts';
import { commonType } from './type-fit.ts';

type Replacement = NonNullable<LoadPreview['replacement']>;

/** What a load would find and do, from the catalogue; `session` null = there is no file yet. */
export async function previewLoad(session: Session | null, plan: LoadPlan): Promise<LoadPreview> {
  const live = session === null ? null : await findTable(session, plan.table);
  const named = await collectRefusals(() => assertDistinctNames(plan));
  if (session === null || live === null)
    return previewNew(plan, await isSchemaThere(session, plan.table.schema), named);
  const owner = (await hasState(session)) ? await findOwner(session, plan.table) : null;
  const adopted = owner === null || (await isAdopted(session, plan));
  const isOurs = owner?.syncId === plan.syncId && owner.schemaId === plan.schemaId;
  const replacement = plan.kind === 'replace' ? chooseReplacement(plan, live, adopted) : null;
  const changes = listChanges(plan, live, replacement?.how ?? null);
  const refusals = await collectRefusals(
    () => refuseView(plan, live),
    () => {
      if (!isOurs) assertAdoptable(plan, live);
    },
    () => {
      if (plan.kind === 'replace' && plan.replacement === 'rebuild') refuseRebuild(plan, live);
    },
    async () => {
      if (replacement?.how !== 'exchange') await refuseUnfit(plan, live, async () => adopted);
    },
    () => refuseGaps(plan, live),
  );
  return {
    replacement,
    changes,
    destroys: listDestroyed(plan, live, replacement?.how ?? null, changes),
    comparesLoss: toLossBasis(plan, live),
    liveRecords: await estimateRecords(session, live),
    refusals: [...named, ...refusals],
  };
}

/** A new file has the schema `main`. */
async function isSchemaThere(session: Session | null, schema: string): Promise<boolean> {
  if (session === null) return schema.toLowerCase() === 'main';
  const rows = await session.rows(
    `SELECT 1 FROM duckdb_schemas() WHERE database_name = current_database() AND lower(schema_name) = lower(${quoteText(schema)})`,
  );
  return rows.length > 0;
}

function previewNew(plan: LoadPlan, hasSchema: boolean, refusals: LoadPreview['refusals']): LoadPreview {
  const { schema, name } = plan.table;
  return {
    replacement: plan.kind === 'replace' ? { how: 'create', reason: 'there is no such table yet' } : null,
    changes: [
      ...(hasSchema ? [] : [{ kind: 'create_schema', column: null, before: null, after: schema } as const]),
      { kind: 'create_table', column: null, before: null, after: name },
      ...[...plan.columns, ...ownColumns(plan)].map(toAddition),
    ],
    destroys: [],
    comparesLoss: 'nothing',
    liveRecords: 0,
    refusals,
  };
}

/** As the publication decides. */
function chooseReplacement(plan: LoadPlan, live: CatalogueTable, isAdoptedTable: boolean): Replacement {
  if (plan.replacement === 'rebuild') return { how: 'exchange', reason: 'the table is made anew' };
  if (plan.replacement === 'in_place') return { how: 'in_place', reason: 'the table is to stay the same object' };
  if (isAdoptedTable) return { how: 'in_place', reason: 'Millrace did not make the table' };
  if (!live.hasRules) return { how: 'exchange', reason: 'nothing hangs on the table' };
  return { how: 'in_place', reason: 'the table has constraints, indexes, defaults or comments' };
}

function listChanges(plan: LoadPlan, live: CatalogueTable, how: ReplacementWay | null): readonly TableChange[] {
  const added = [...plan.columns, ...ownColumns(plan)]
    .filter(({ name }) => live.typeOf(name) === undefined)
    .map(toAddition);
  if (how === 'exchange') return [...added, ...listExchangedTypes(plan, live), ...listDropped(plan, live)];
  const types = listTypeChanges(plan, live).map(({ name, from, to, isWidening }) => {
    const kind = isWidening ? 'widen_column' : 'convert_column';
    return { kind, column: name, before: from, after: to } as const;
  });
  const released = listRequired(plan, live).map(
    (name) => ({ kind: 'drop_not_null', column: name, before: 'NOT NULL', after: null }) as const,
  );
  return [...added, ...types, ...released];
}

function listExchangedTypes(plan: LoadPlan, live: CatalogueTable): readonly TableChange[] {
  return plan.columns.flatMap(({ name, type }) => {
    const before = live.typeOf(name);
    if (before === undefined || before === type) return [];
    const kind = commonType(before, type) === type ? 'widen_column' : 'convert_column';
    return [{ kind, column: name, before, after: type } as const];
  });
}

/** An exchange keeps the columns that the source no longer fills, a rebuild does not. */
function listDropped(plan: LoadPlan, live: CatalogueTable): readonly TableChange[] {
  if (plan.replacement !== 'rebuild') return [];
  return listForsaken(plan, live).map((name) => ({
    kind: 'drop_column',
    column: name,
    before: live.typeOf(name) ?? null,
    after: null,
  }));
}

function toAddition({ name, type }: { readonly name: string; readonly type: string }): TableChange {
  return { kind: 'add_column', column: name, before: null, after: type };
}

function listDestroyed(
  plan: LoadPlan,
  live: CatalogueTable,
  how: ReplacementWay | null,
  changes: readonly TableChange[],
): readonly DestructiveStep[] {
  const table = tableText(plan.table);
  const exchanged = `${table} is dropped, and the new table takes its name in the same transaction.`;
  const emptied = `${table} is emptied and filled anew in one transaction.`;
  const hasTombstones = live.typeOf(ownColumnNames(plan.columnPrefix).deletedAt) !== undefined;
  const isLetGo =
    how === null ? plan.kind === 'merge' && !plan.tombstones : !plan.tombstones || plan.replacement === 'rebuild';
  return [
    ...(how === 'exchange' ? [{ kind: 'exchange_table', text: exchanged } as const] : []),
    ...(how === 'in_place' ? [{ kind: 'empty_table', text: emptied } as const] : []),
    ...changes.flatMap(({ kind, column }) =>
      kind === 'drop_column' ? [{ kind, text: `Column ${column} goes with its values.` }] : [],
    ),
    ...(hasTombstones && isLetGo
      ? [{ kind: 'remove_tombstones', text: 'Records that are marked as deleted are removed.' } as const]
      : []),
  ];
}

/** As the publication decides. */
function toLossBasis(plan: LoadPlan, live: CatalogueTable): LossBasis {
  if (plan.kind === 'delta') return 'nothing';
  const keys = keyColumns(plan);
  const isKeyed = keys.length > 0 && keys.every(({ name, type }) => commonType(live.typeOf(name) ?? '', type) !== null);
  return plan.kind === 'merge' || isKeyed ? 'keys' : 'count';
}

async function estimateRecords(session: Session, { table }: CatalogueTable): Promise<number | null> {
  const [row] = await session.rows(
    `SELECT estimated_size AS records FROM duckdb_tables() WHERE database_name = current_database() ` +
      `AND schema_name = ${quoteText(table.schema)} AND table_name = ${quoteText(table.name)}`,
  );
  return row === undefined ? null : Number(row.records);
}
