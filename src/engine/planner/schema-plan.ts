import type {
  Checkpoint,
  LoadColumn,
  LoadPlan,
  OfferedField,
  Replacement,
  TableName,
} from '../../connector-kit/index.ts';
import type { LoadKind, ReceiptDepth, RowFilter, SchemaDescription } from '../../core/index.ts';
import type { Hashing, WireFormat } from '../../formats/index.ts';

/** What one schema of one execution will do, decided once, stored, and shown to the user. Plain JSON. */
export interface SchemaPlan {
  readonly schema: SchemaDescription;
  readonly kind: LoadKind;
  /** Why this kind: first load, full scan, changed fields … */
  readonly kindReason: string;
  readonly replacement: Replacement;
  readonly fields: readonly OfferedField[];
  readonly filters: readonly RowFilter[];
  readonly columns: readonly LoadColumn[];
  readonly table: TableName;
  readonly format: WireFormat;
  readonly formatReason: string;
  readonly hashing: Hashing;
  /** Every conversion that is not the identity, declared. */
  readonly conversions: readonly string[];
  /** Where this read begins; null = complete. */
  readonly from: Checkpoint | null;
  /** Stored as the schema's cursor when the execution succeeds. */
  readonly nextCursor: Checkpoint | null;
  readonly tracking: {
    readonly field: string;
    readonly guarantee: 'database_clock' | 'best_effort';
    readonly reason: string;
  } | null;
  readonly recordTimestamps: boolean;
  readonly tombstones: boolean;
  readonly columnPrefix: string;
  readonly stampedAt: string;
  readonly adopt: boolean;
  readonly depth: ReceiptDepth;
  readonly maxLossPercent: number;
}

/** The part of the plan that the destination's load needs. */
export function toLoadPlan(
  plan: SchemaPlan,
  ids: { readonly syncId: string; readonly executionId: string; readonly generation: number },
): LoadPlan {
  return {
    ...ids,
    schemaId: plan.schema.id,
    kind: plan.kind,
    replacement: plan.replacement,
    table: plan.table,
    columns: plan.columns,
    format: plan.format,
    hashing: plan.hashing,
    recordTimestamps: plan.recordTimestamps,
    tombstones: plan.tombstones,
    columnPrefix: plan.columnPrefix,
    stampedAt: plan.stampedAt,
    adopt: plan.adopt,
  };
}

/** The fields and types that a load wrote, as `[field, name, type]`: another shape makes the next read complete. */
export function shapeOf(plan: Pick<SchemaPlan, 'columns'>): readonly (readonly [string, string, string])[] {
  return plan.columns.map((column) => [column.field, column.name, column.type]);
}
