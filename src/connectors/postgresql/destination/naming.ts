import { createHash } from 'node:crypto';
import type { LoadPlan, TableName } from '../../../connector-kit/index.ts';
import { quoteName, quoteTable } from '../sql.ts';

/** Every name that the statements of one load use, quoted. */
export interface Names {
  readonly live: string;
  /** The shadow of a `replace`, the stage of the others. */
  readonly scratch: string;
  readonly scratchName: string;
  /** Data columns in plan order. */
  readonly columns: readonly string[];
  readonly keys: readonly string[];
  /** Millrace's own columns that this load fills; null where the sync has none. */
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  readonly deletedAt: string | null;
}

/** Names of one load. The scratch table carries the generation in its name. */
export function nameObjects(plan: LoadPlan): Names {
  const scratchName = `${toScratchPrefix(plan)}${plan.generation}`;
  const own = (suffix: string) => quoteName(`${plan.columnPrefix}${suffix}`);
  return {
    live: quoteTable(plan.table),
    scratch: quoteTable({ schema: plan.table.schema, name: scratchName }),
    scratchName,
    columns: plan.columns.map(({ name }) => quoteName(name)),
    keys: plan.columns.filter(({ isKey }) => isKey).map(({ name }) => quoteName(name)),
    createdAt: plan.recordTimestamps ? own('created_at') : null,
    updatedAt: plan.recordTimestamps ? own('updated_at') : null,
    deletedAt: plan.tombstones ? own('deleted_at') : null,
  };
}

/** What all scratch tables of one schema's loads begin with; the generation follows. 35 characters. */
export function toScratchPrefix(plan: Pick<LoadPlan, 'syncId' | 'schemaId'>): string {
  const digest = createHash('sha256').update(`${plan.syncId} ${plan.schemaId}`).digest('hex');
  return `__millrace_${digest.slice(0, 24)}_`;
}

/** Names of Millrace's own columns under a prefix, whether a load fills them or not. */
export function ownColumnNames(prefix: string): readonly string[] {
  return [`${prefix}created_at`, `${prefix}updated_at`, `${prefix}deleted_at`];
}

/** Name of a table's primary key as PostgreSQL itself would give it; a longer table name is cut at 58 bytes at most. */
export function toKeyName(table: TableName): string {
  let { name } = table;
  while (Buffer.byteLength(name) > 58) name = name.slice(0, -1);
  return `${name}_pkey`;
}
