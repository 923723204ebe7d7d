import {
  type FieldDescription,
  type Filter,
  type RowFilter,
  resolveFilters,
  type SchemaDescription,
  SyncError,
} from '../../core/index.ts';
import type { Run } from '../../store/index.ts';
import { stampOf } from './schema-plan.ts';

/** Which records of a schema belong to this execution's image. */
export interface PlannedImage {
  readonly filters: readonly RowFilter[];
  /** For the receipt: what the image leaves out, and what was asked and does not apply. */
  readonly notes: readonly string[];
  /** The same before relative times were made absolute: another definition makes the next read complete. */
  readonly definition: unknown;
}

/** @throws `SOURCE_CHANGED` when a filter's field is gone; `FILTER_MISFIT` when its type has changed */
export function planImage(
  { sync, execution }: Pick<Run, 'sync' | 'execution'>,
  selection: Run['schemas'][number],
  schema: SchemaDescription,
): PlannedImage {
  const cutoff = planCutoff(sync.dataCutoffTimestamp, selection, schema);
  const given = selection.filters.map(toFilter);
  for (const { field } of given) requireField(schema, field);
  const all = [...given, ...(cutoff.filter === null ? [] : [cutoff.filter])];
  const filters = resolveFilters(all, stampOf(execution));
  return {
    filters,
    notes: [...describeImage(filters), ...cutoff.notes],
    definition: all.map(({ field, function: name, value }) => [field, name, value ?? null]),
  };
}

function toFilter({ fieldId, function: name, value }: Run['schemas'][number]['filters'][number]): Filter {
  return { field: fieldId, function: name, value };
}

function requireField(schema: SchemaDescription, id: string): FieldDescription {
  const field = schema.fields.find((candidate) => candidate.id === id);
  if (field !== undefined) return field;
  throw new SyncError(
    'SOURCE_CHANGED',
    `A filter of ${schema.id} is about the field ${id}, which no longer exists in the source. Remove the filter or restore the field.`,
  );
}

/** The cutoff's own schema, or else the sync's; it is compared with the tracking field. */
function planCutoff(
  ofSync: Date | null,
  selection: Run['schemas'][number],
  schema: SchemaDescription,
): { readonly filter: Filter | null; readonly notes: readonly string[] } {
  const cutoff = selection.disableDataCutoff ? null : (selection.dataCutoffTimestamp ?? ofSync);
  if (cutoff === null) return { filter: null, notes: [] };
  const { trackingField } = selection;
  const kind = trackingField === null ? null : requireTracked(schema, trackingField).logicalType.kind;
  if (trackingField !== null && (kind === 'timestamptz' || kind === 'timestamp' || kind === 'date'))
    return { filter: { field: trackingField, function: 'OnOrAfter', value: toText(cutoff, kind) }, notes: [] };
  if (selection.dataCutoffTimestamp !== null) {
    throw new SyncError(
      'SOURCE_CHANGED',
      `The data cutoff of ${schema.id} needs a tracking field that holds times. Set one, or remove the cutoff.`,
    );
  }
  const note = `The sync's data cutoff (${cutoff.toISOString()}) leaves nothing out here: the schema has no tracking field that holds times.`;
  return { filter: null, notes: [note] };
}

function requireTracked(schema: SchemaDescription, id: string): FieldDescription {
  const field = schema.fields.find((candidate) => candidate.id === id);
  if (field !== undefined) return field;
  throw new SyncError(
    'SOURCE_CHANGED',
    `The tracking field ${id} of ${schema.id} no longer exists in the source. Choose another one or none.`,
  );
}

/** Times without a zone are taken for UTC; of a date the whole day stays. */
function toText(cutoff: Date, kind: 'timestamptz' | 'timestamp' | 'date'): string {
  const text = cutoff.toISOString();
  if (kind === 'date') return text.slice(0, 10);
  return kind === 'timestamp' ? text.slice(0, -1) : text;
}

function describeImage(filters: readonly RowFilter[]): readonly string[] {
  if (filters.length === 0) return [];
  const parts = filters.map(({ field, function: name, value }) => {
    const shown = value === undefined || value === null ? '' : ` ${shorten(JSON.stringify(value))}`;
    return `${field} ${name}${shown}`;
  });
  return [`Filtered image: only records with ${parts.join(' and ')}. Others count as absent.`];
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
