import { createHash } from 'node:crypto';
import type { LoadPlan, TableName } from '../../../connector-kit/index.ts';

/** Schema of Millrace's own records in a destination. */
export const STATE_SCHEMA = '__millrace';

/** The tables of one load. */
export interface LoadNames {
  readonly live: TableName;
  /** `replace`: the shadow, beside the live table since DuckDB cannot move a table to another schema. Else the stage. */
  readonly work: TableName;
  /** Keys of the records that `merge` and `delta` could not take; null for `replace`. */
  readonly refused: TableName | null;
}

/** What the names of a schema's work tables begin with, whatever their generation. */
export function workPrefix(syncId: string, schemaId: string): string {
  return `__millrace_${createHash('sha256').update(`${syncId}\0${schemaId}`).digest('hex').slice(0, 16)}_`;
}

/** The generation in a work table's name, or null where the table is none of this prefix. */
export function generationOf(tableName: string, prefix: string): number | null {
  const match = tableName.startsWith(prefix) ? /^g(\d+)(?:_refused)?$/.exec(tableName.slice(prefix.length)) : null;
  return match === null ? null : Number(match[1]);
}

/** The tables that a plan writes. */
export function namesOf(plan: LoadPlan): LoadNames {
  const name = `${workPrefix(plan.syncId, plan.schemaId)}g${plan.generation}`;
  if (plan.kind === 'replace') return { live: plan.table, work: { schema: plan.table.schema, name }, refused: null };
  return {
    live: plan.table,
    work: { schema: STATE_SCHEMA, name },
    refused: { schema: STATE_SCHEMA, name: `${name}_refused` },
  };
}
