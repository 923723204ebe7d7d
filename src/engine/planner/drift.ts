import type { LoadColumn, TableState } from '../../connector-kit/index.ts';
import {
  type DriftEvent,
  type DriftKind,
  type FieldDescription,
  nameKey,
  type SchemaDescription,
  type SeenField,
  type SeenSchema,
} from '../../core/index.ts';
import { compareTypes } from './compare-types.ts';
import type { SchemaToPlan } from './plan-context.ts';
import type { SchemaPlan } from './schema-plan.ts';

/** The part of a plan that decides what becomes of a difference. */
export type DriftPlan = Pick<SchemaPlan, 'kind' | 'replacement' | 'columns'>;

/** Beyond it, a name that changes each day would make the memory grow for ever. */
const MAX_FORMER = 10;

/** Where a load goes. */
type Aim = Pick<SchemaToPlan, 'table' | 'place' | 'hasCaseInNames'>;

/** What a completed load leaves for the next one to compare with. */
export function toSeen(
  item: Aim & Pick<SchemaToPlan, 'schema' | 'seen'>,
  columns: readonly LoadColumn[],
  obfuscated: readonly string[],
): SeenSchema {
  const { schema, table, place, seen } = item;
  const names = new Map(columns.map(({ field, name }) => [field, name]));
  const others = listLoads(seen).filter((load) => !isInto(load, item));
  const former = others.slice(0, MAX_FORMER);
  return {
    fields: schema.fields.map(({ id, remoteType, logicalType, stableId }) => ({
      id,
      type: remoteType,
      logicalType,
      ...(stableId === undefined ? {} : { stableId }),
      ...(names.has(id) ? { name: names.get(id) ?? id } : {}),
    })),
    key: keyOf(columns),
    table: { schema: table.schema, name: table.name, place },
    ...(obfuscated.length === 0 ? {} : { obfuscated }),
    ...(former.length === 0 ? {} : { former }),
  };
}

/** What the last load into the table that is planned now has left there; a schema may come back to an earlier name or system. */
export function findWritten(item: Aim & Pick<SchemaToPlan, 'seen'>): SeenSchema | null {
  return listLoads(item.seen).find((load) => isInto(load, item)) ?? null;
}

/** The last load first, then those into other tables. */
function listLoads(seen: SeenSchema | null): readonly SeenSchema[] {
  if (seen === null) return [];
  const { former = [], ...last } = seen;
  return [last, ...former];
}

/** Of what earlier releases stored only the last load is known, and not, or not in which system, where it went. */
function isInto(load: SeenSchema, { table, place, hasCaseInNames }: Aim): boolean {
  const key = (name: string): string => nameKey(name, hasCaseInNames);
  if (load.table === undefined) return true;
  if (load.table.place !== undefined && load.table.place !== place) return false;
  return key(load.table.schema) === key(table.schema) && key(load.table.name) === key(table.name);
}

/** What a table says itself of the key that it was made with; null = nothing. In one that another hand made it means nothing. */
export function findMadeKey({ exists, owner, isAdopted, keyColumns }: TableState): Pick<SeenSchema, 'key'> | null {
  return !exists || owner === null || isAdopted === true || keyColumns.length === 0 ? null : { key: keyColumns };
}

/** True when the live table's records are known by another key than the one that the plan has. */
export function hasOtherKey(seen: Pick<SeenSchema, 'key'> | null, columns: readonly LoadColumn[]): boolean {
  if (seen === null) return false;
  const key = keyOf(columns);
  return key.length !== seen.key.length || !key.every((name) => seen.key.includes(name));
}

/**
 * True when a field that was written in clear is to be obfuscated, or the other way round: the live table, its deleted
 * records included, holds values that this plan would not write.
 */
export function hasOtherObfuscation(
  item: Aim & Pick<SchemaToPlan, 'seen' | 'schema' | 'state'>,
  { columns, obfuscated }: Pick<SchemaPlan, 'columns' | 'obfuscated'>,
): boolean {
  const { schema, state } = item;
  if (!state.exists) return false;
  const seen = findWritten(item);
  // Nothing is remembered of what the sync has written there.
  if (seen === null) return state.owner !== null && obfuscated.length > 0;
  const written = new Set(columns.map(({ field }) => field));
  return schema.fields.some((field) => {
    const before = seen.fields.find(
      ({ id, stableId }) => id === field.id || (stableId !== undefined && stableId === field.stableId),
    );
    if (before === undefined || !written.has(field.id)) return false;
    return obfuscated.includes(field.id) !== (seen.obfuscated?.includes(before.id) ?? false);
  });
}

/** Every difference between a schema and its last completed load; `plan` null = this execution cannot load it. */
export function findDrift(
  seen: SeenSchema | null,
  schema: SchemaDescription,
  plan: DriftPlan | null,
): readonly DriftEvent[] {
  if (seen === null) return [];
  const differences = [...compareFields(seen, schema.fields), ...(plan === null ? [] : compareKeys(seen, plan))];
  return differences.map((difference) => ({
    schemaId: schema.id,
    ...difference,
    outcome: plan === null ? 'The schema is not loaded; its message says why.' : describe(difference, plan),
    needsAttention: ATTENTION.has(difference.kind),
  }));
}

type Difference = Pick<DriftEvent, 'kind' | 'field' | 'before' | 'after'>;

const ATTENTION: ReadonlySet<DriftKind> = new Set(['field_dropped', 'field_renamed', 'key_changed', 'type_changed']);

function keyOf(columns: readonly LoadColumn[]): readonly string[] {
  return columns.filter(({ isKey }) => isKey).map(({ name }) => name);
}

function compareFields(seen: SeenSchema, fields: readonly FieldDescription[]): readonly Difference[] {
  const old = new Map(seen.fields.map((field) => [field.id, field]));
  const now = new Set(fields.map(({ id }) => id));
  const gone = new Map(
    seen.fields
      .filter(({ id, stableId }) => !now.has(id) && stableId !== undefined)
      .map((field) => [field.stableId, field]),
  );
  const renamed = new Set<string>();
  const differences: Difference[] = [];
  for (const field of fields) {
    const before = old.get(field.id);
    const former = before === undefined && field.stableId !== undefined ? gone.get(field.stableId) : undefined;
    if (former !== undefined) {
      renamed.add(former.id);
      differences.push({ kind: 'field_renamed', field: field.id, before: former.id, after: field.id });
    } else if (before === undefined) {
      differences.push({ kind: 'field_added', field: field.id, before: null, after: field.remoteType });
    }
    differences.push(...compareType(former ?? before, field));
  }
  const dropped = seen.fields.filter(({ id }) => !now.has(id) && !renamed.has(id));
  return [
    ...differences,
    ...dropped.map(({ id, type }) => ({ kind: 'field_dropped' as const, field: id, before: type, after: null })),
  ];
}

function compareType(before: SeenField | undefined, field: FieldDescription): readonly Difference[] {
  if (before === undefined || before.type === field.remoteType) return [];
  const kind = compareTypes(before, { type: field.remoteType, logicalType: field.logicalType });
  return [{ kind, field: field.id, before: before.type, after: field.remoteType }];
}

function compareKeys(seen: SeenSchema, { columns }: DriftPlan): readonly Difference[] {
  if (!hasOtherKey(seen, columns)) return [];
  return [{ kind: 'key_changed', field: null, before: toList(seen.key), after: toList(keyOf(columns)) }];
}

function toList(names: readonly string[]): string | null {
  return names.length === 0 ? null : names.join(', ');
}

function describe({ kind, field, before, after }: Difference, plan: DriftPlan): string {
  const isRead = plan.columns.some((column) => column.field === field);
  const isRebuilt = plan.replacement === 'rebuild';
  switch (kind) {
    case 'field_added':
      return isRead ? 'Added to the table, and filled for every record.' : 'Not part of the sync.';
    case 'field_renamed':
      return isRead
        ? `Taken for a new field, which is filled for every record; the column of ${before} ${isRebuilt ? 'goes' : 'stays with its old values'}.`
        : 'Not part of the sync under its new name.';
    case 'field_dropped':
      return isRebuilt
        ? 'Its column goes with the old table.'
        : 'Its column stays: old records keep their values, new ones have NULL.';
    case 'type_widened':
      return isRead ? 'The column is widened; old values stay as they are.' : 'Not part of the sync.';
    case 'type_narrowed':
      return isRead ? 'A column that holds older, wider values stays as wide as it is.' : 'Not part of the sync.';
    case 'key_changed':
      if (after === null) return 'All records are replaced with each execution, and deleted ones are no longer kept.';
      return isRebuilt
        ? 'The table is made anew with the new key.'
        : 'The records are replaced and known by the new key; deleted ones are carried over.';
    default:
      return isRead ? 'The column is converted, or the schema fails and says why.' : 'Not part of the sync.';
  }
}
