import { type Session, toDeltaCondition, toDeltaText, toWireText } from '../../../connector-kit/duckdb/index.ts';
import type { ReadRequest, SegmentRange, SegmentRequest } from '../../../connector-kit/index.ts';
import { type SchemaDescription, SyncError } from '../../../core/index.ts';
import { toTable } from '../schema-id.ts';

/** What we store of a segment. */
type RangeValue =
  | { readonly kind: 'whole' }
  | { readonly kind: 'changed' }
  /** Row ids, `to` exclusive; null = open. They hold within one state of the file. */
  | { readonly kind: 'rows'; readonly from: number; readonly to: number | null };

const MAX_SEGMENTS = 10_000;
/** Records whose length in csv is looked at. */
const SAMPLE_RECORDS = 20_000;

/** Cuts a table by its row ids into segments of about as many bytes of csv; a view is read at once. */
export async function planSegments(session: Session, request: SegmentRequest): Promise<readonly SegmentRange[]> {
  const { schema, from } = request;
  if (from !== null) return [toRange({ kind: 'changed' }, toDeltaText(from))];
  const bounds = hasRowIds(schema) ? await findBounds(session, schema) : null;
  if (bounds === null) return [toRange({ kind: 'whole' }, 'whole table')];
  const bytes = bounds.records * (await measureRecord(session, schema, bounds.records));
  const count = Math.min(Math.ceil(bytes / request.segmentBytes), MAX_SEGMENTS, bounds.behind);
  if (count <= 1) return [toRange({ kind: 'whole' }, 'whole table')];
  const step = Math.ceil(bounds.behind / count);
  return Array.from({ length: Math.ceil(bounds.behind / step) }, (_, i) => {
    const first = i * step;
    const behind = first + step < bounds.behind ? first + step : null;
    const text = behind === null ? `records from position ${first}` : `records from position ${first} to ${behind - 1}`;
    return toRange({ kind: 'rows', from: first, to: behind }, text);
  });
}

/** The conditions of one segment, in SQL. */
export function toConditions({ range, from }: Pick<ReadRequest, 'range' | 'from'>): readonly string[] {
  // Written by planSegments of this connector; nobody else makes range values.
  const value = range.value as unknown as RangeValue;
  if (value.kind === 'whole') return [];
  if (value.kind === 'rows') return [`rowid >= ${value.from}`, ...(value.to === null ? [] : [`rowid < ${value.to}`])];
  if (from === null) throw new SyncError('INTERNAL', 'A delta was to be read without its checkpoint. Report it.');
  return [toDeltaCondition(from)];
}

function toRange(value: RangeValue, text: string): SegmentRange {
  return { text, value: { ...value } };
}

/** A column of that name hides the row ids; views have none, and no estimate either. */
function hasRowIds({ fields, estimatedRecords }: SchemaDescription): boolean {
  return estimatedRecords !== null && !fields.some(({ id }) => id.toLowerCase() === 'rowid');
}

async function findBounds(session: Session, schema: SchemaDescription) {
  const [row] = await session.rows(
    `SELECT count(*)::VARCHAR AS records, (max(rowid) + 1)::VARCHAR AS behind FROM ${toTable(schema.id)}`,
  );
  const records = Number(row?.records ?? 0);
  return records === 0 ? null : { records, behind: Number(row?.behind ?? 0) };
}

async function measureRecord(session: Session, schema: SchemaDescription, records: number): Promise<number> {
  // What users found inside of a field is no longer than the field.
  const own = schema.fields.filter(({ userPath }) => userPath === undefined);
  const lengths = own.map(({ id }) => `coalesce(strlen(${toWireText(schema, id)}), 0)`);
  // By blocks of records: a sample of single ones would read the whole table.
  const percent = Math.min(100, (SAMPLE_RECORDS / records) * 100);
  const [row] = await session.rows(
    `SELECT avg(${lengths.join(' + ')})::VARCHAR AS bytes FROM ${toTable(schema.id)} TABLESAMPLE system(${percent}%)`,
  );
  // Separators, and room for quotes.
  return Number(row?.bytes ?? 0) + schema.fields.length + 1;
}
