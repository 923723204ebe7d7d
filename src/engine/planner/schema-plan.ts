import type {
  Checkpoint,
  LoadColumn,
  LoadPlan,
  OfferedField,
  Replacement,
  TableName,
} from '../../connector-kit/index.ts';
import type {
  DriftEvent,
  Estimate,
  LoadKind,
  LoadPreview,
  ReceiptDepth,
  RowFilter,
  SchemaDescription,
  SeenSchema,
} from '../../core/index.ts';
import type { Hashing, WireFormat } from '../../formats/index.ts';
import type { MadeOf } from './choose-format.ts';
import type { SchemaToPlan } from './plan-context.ts';

/** What one schema of one execution will do, decided once, stored, and shown to the user. Plain JSON. */
export interface SchemaPlan {
  /** Both sides are compared and nothing is written; absent in plans of older builds. */
  readonly isVerification?: boolean;
  readonly schema: SchemaDescription;
  readonly kind: LoadKind;
  /** Why this kind: first load, full scan, changed fields … */
  readonly kindReason: string;
  readonly replacement: Replacement;
  readonly fields: readonly OfferedField[];
  /** Fields that are taken along without having been named; remembered for the next execution. */
  readonly autoFields: readonly string[];
  readonly filters: readonly RowFilter[];
  /** What the image leaves out, for the receipt. */
  readonly imageNotes: readonly string[];
  readonly columns: readonly LoadColumn[];
  /** Ids of fields of which keyed hashes are written instead of the values. */
  readonly obfuscated: readonly string[];
  readonly isKeyDeclared: boolean;
  /** What decides whether the records of an earlier load are still as this plan would write them. */
  readonly shape: unknown;
  /** How the source differs from what the last completed load found. */
  readonly drift: readonly DriftEvent[];
  /** What this load finds, when that is not what is remembered already. */
  readonly seen: SeenSchema | null;
  readonly table: TableName;
  /** What is written. */
  readonly format: WireFormat;
  readonly formatReason: string;
  /** What is read; absent = the same. */
  readonly readFormat?: WireFormat;
  /** Of what the written bytes are made on our side; absent = they are the source's own. */
  readonly madeOf?: MadeOf;
  /** How records travel, one entry for each side that a network lies before. Absent in plans of older builds. */
  readonly transports?: readonly string[];
  readonly hashing: Hashing;
  /** Every conversion that is not the identity, declared. */
  readonly conversions: readonly string[];
  /** Where this read begins; null = complete. */
  readonly from: Checkpoint | null;
  /** Stored as the schema's cursor when the execution succeeds. */
  readonly nextCursor: Checkpoint | null;
  /** True: a further one is looked for while records are written. */
  readonly isNextCursorOpen?: true;
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
  /** What was found to be done with the destination's table; absent in plans of older builds. */
  readonly preview?: LoadPreview;
  /** Of what is read; absent in plans of older builds. */
  readonly estimate?: Estimate;
  /** Of the selection that it was planned by; absent in plans of older builds. */
  readonly revision?: number;
  /** True: the new table differed before it was published, so that it was begun again. */
  readonly isLoadedAgain?: true;
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
    isKeyDeclared: plan.isKeyDeclared,
    format: plan.format,
    hashing: plan.hashing,
    recordTimestamps: plan.recordTimestamps,
    tombstones: plan.tombstones,
    columnPrefix: plan.columnPrefix,
    stampedAt: plan.stampedAt,
    adopt: plan.adopt,
  };
}

/** The time that an execution goes by: of its record timestamps, and of times relative to now. The same in every attempt. */
export function stampOf({ startedAt, createdAt }: { readonly startedAt: Date | null; readonly createdAt: Date }): Date {
  return startedAt ?? createdAt;
}

/**
 * What decides how each record is written: when it changes, a delta would leave older records as they were, so the next
 * read is complete.
 * @param image definition of the filters, before times relative to now were made absolute
 */
export function toShape(
  { schema, selection, table }: Pick<SchemaToPlan, 'schema' | 'selection' | 'table'>,
  columns: readonly LoadColumn[],
  image: unknown,
): unknown {
  const paths = new Map(schema.fields.map((field) => [field.id, field.userPath ?? []]));
  const obfuscated = new Set(selection.fields?.filter((field) => field.obfuscated).map((field) => field.id));
  return [
    [table.schema, table.name],
    columns.map(({ field, name, type, isKey }) => [field, name, type, isKey, obfuscated.has(field), paths.get(field)]),
    image,
  ];
}

/** Ranges of a key that is not written, or obfuscated, could not be found in the destination; obfuscated, they would tell its values. */
export function hideKey({ schema, columns, obfuscated }: SchemaPlan): SchemaDescription {
  const isFound = (id: string) => columns.some(({ field }) => field === id) && !obfuscated.includes(id);
  return schema.primaryKey.every(isFound) ? schema : { ...schema, primaryKey: [] };
}
