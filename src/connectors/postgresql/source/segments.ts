import type { SegmentRange, SegmentRequest, TableName } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session, TextRow } from '../client.ts';
import { fromSchemaId } from '../schema-id.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { toFrom } from './table.ts';
import { isDelta } from './tracking.ts';

/** What we store of a segment. Both formats cost about as many bytes as the table's pages. */
export type RangeValue =
  | { readonly kind: 'whole'; readonly only: boolean }
  /** `from` inclusive, `to` exclusive, null = open; decimal digits. */
  | {
      readonly kind: 'key';
      readonly only: boolean;
      readonly column: string;
      readonly from: string | null;
      readonly to: string | null;
    }
  /** Block numbers, `to` exclusive, null = open. */
  | { readonly kind: 'blocks'; readonly only: true; readonly from: number; readonly to: number | null }
  | { readonly kind: 'changed'; readonly only: boolean };

const MAX_SEGMENTS = 10_000;
/** Pages that a sample of the key may read. */
const SAMPLE_PAGES = 1_000;
/** Range scans over ctid, instead of a filter over the whole table, came with PostgreSQL 14. */
const TID_RANGE_VERSION = 140_000;
/** Below this a range of the key is spread over most pages, and each segment would read the whole table. */
const LEAST_CORRELATION = 0.5;

const FACTS = `
  SELECT n.no::int AS no, c.relkind, pg_table_size(c.oid)::text AS bytes, c.relpages::text AS pages,
    (pg_relation_size(c.oid) / current_setting('block_size')::int)::text AS blocks, coalesce(parts.bytes, 0)::text AS partbytes,
    coalesce(parts.pages, 0)::text AS partpages
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY n (table_schema, table_name, no)
  JOIN pg_namespace ns ON ns.nspname = n.table_schema::name
  CROSS JOIN LATERAL (SELECT * FROM pg_class c WHERE c.relnamespace = ns.oid AND c.relname = n.table_name::name LIMIT 1) c
  LEFT JOIN LATERAL (SELECT sum(pg_table_size(relid)) AS bytes, sum(pg_relation_size(relid) / current_setting('block_size')::int) AS pages
    FROM pg_partition_tree(c.oid) WHERE isleaf) parts ON c.relkind = 'p'`;

const CORRELATION =
  'SELECT abs(correlation)::text AS correlation FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND attname = $3 AND NOT inherited';

/** Indexes of all records that begin with a column. */
const INDEX = `
  SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = to_regclass($1) AND a.attname = $2 AND i.indisvalid AND i.indpred IS NULL LIMIT 1`;

/** The part of a table that decides how it is cut. */
interface Shape {
  readonly kind: 'plain' | 'partitioned' | 'other';
  readonly bytes: number;
  readonly blocks: number;
}

/** True for one of the ranges into which a table was cut. */
export function isPart({ value }: SegmentRange): boolean {
  return value.kind === 'key' || value.kind === 'blocks';
}

/** Cuts a table by its integer key, else by its blocks, else not at all. Runs in the snapshot. */
export async function planSegments(
  session: Session,
  request: SegmentRequest,
  signal: AbortSignal,
): Promise<readonly SegmentRange[]> {
  const table = fromSchemaId(request.schema.id);
  const [shape] = await readShapes(session, [table], signal);
  if (shape === undefined)
    throw new SyncError(
      'SOURCE_CHANGED',
      `${quoteTable(table)} is gone from the source. Refresh the connection’s schemas.`,
    );
  const single = toSingleRange(request, shape);
  if (single !== null) return [single];
  const only = shape.kind === 'plain';
  const count = countSegments(request, shape);
  const key = await findKeyColumn(session, request, table, shape, signal);
  if (key !== null) return toKeyRanges(key, await findBounds(session, table, key, count, shape, signal), only);
  if (shape.kind === 'plain' && session.version >= TID_RANGE_VERSION) return toBlockRanges(shape.blocks, count);
  return [toWholeRange(only)];
}

/**
 * The same for many tables at once, as far as one look at them decides it; null for one that has to be cut, and for one
 * that is gone.
 */
export async function planSingleSegments(
  session: Session,
  requests: readonly SegmentRequest[],
  signal: AbortSignal,
): Promise<readonly (readonly SegmentRange[] | null)[]> {
  const shapes = await readShapes(
    session,
    requests.map(({ schema }) => fromSchemaId(schema.id)),
    signal,
  );
  return requests.map((request, index) => {
    const shape = shapes[index];
    const single = shape === undefined ? null : toSingleRange(request, shape);
    return single === null ? null : [single];
  });
}

/** Null when the table has to be cut. */
function toSingleRange(request: SegmentRequest, shape: Shape): SegmentRange | null {
  const only = shape.kind === 'plain';
  if (request.from !== null) return toChangedRange(request.from, only);
  return countSegments(request, shape) <= 1 ? toWholeRange(only) : null;
}

/** An even number, since segments are copied at least two at a time: an odd one would be left to be copied alone. */
function countSegments({ segmentBytes }: SegmentRequest, { bytes }: Shape): number {
  const count = Math.ceil(bytes / segmentBytes);
  return Math.min(count <= 1 ? count : 2 * Math.ceil(count / 2), MAX_SEGMENTS);
}

/** Undefined for a table that is gone. */
async function readShapes(
  session: Session,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<readonly (Shape | undefined)[]> {
  const action =
    tables.length === 1 && tables[0] !== undefined ? `Measuring ${quoteTable(tables[0])}` : 'Measuring tables';
  const names = [tables.map(({ schema }) => schema), tables.map(({ name }) => name)];
  const rows = await session.query(action, FACTS, names, signal);
  const shapes = new Map(rows.map((row) => [Number(row.no) - 1, toShape(row)]));
  return tables.map((_, index) => shapes.get(index));
}

function toShape(row: TextRow): Shape {
  if (row.relkind === 'p') return { kind: 'partitioned', bytes: Number(row.partbytes), blocks: Number(row.partpages) };
  const isStored = row.relkind === 'r' || row.relkind === 'm';
  return { kind: isStored ? 'plain' : 'other', bytes: isStored ? Number(row.bytes) : 0, blocks: Number(row.blocks) };
}

async function findKeyColumn(
  session: Session,
  request: SegmentRequest,
  table: TableName,
  shape: Shape,
  signal: AbortSignal,
): Promise<string | null> {
  const [key, ...others] = request.schema.primaryKey;
  const field = request.schema.fields.find(({ id }) => id === key);
  if (key === undefined || others.length > 0 || field?.logicalType.kind !== 'integer' || shape.kind === 'other')
    return null;
  // A key that a user declared: no range would hold its NULLs, and each might read the whole table.
  if (field.isNullable || !(await isIndexed(session, table, key, signal))) return null;
  if (shape.kind === 'partitioned') return key;
  const [row] = await session.query('Reading the statistics', CORRELATION, [table.schema, table.name, key], signal);
  const isScattered = row?.correlation !== undefined && Number(row.correlation) < LEAST_CORRELATION;
  return isScattered && session.version >= TID_RANGE_VERSION ? null : key;
}

async function isIndexed(session: Session, table: TableName, column: string, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query('Looking for an index', INDEX, [quoteTable(table), column], signal);
  return rows.length > 0;
}

/** Lower bounds of all ranges but the first: quantiles of a sample, so that gaps and clusters of the key do not matter. */
async function findBounds(
  session: Session,
  table: TableName,
  key: string,
  count: number,
  shape: Shape,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const percent = Math.min(100, (SAMPLE_PAGES / Math.max(shape.blocks, 1)) * 100);
  const column = quoteName(key);
  const sql = `
    SELECT DISTINCT bound AS value, bound::text FROM unnest((
      SELECT percentile_disc($1::float8[]) WITHIN GROUP (ORDER BY ${column})
      FROM ${toFrom(table, shape.kind === 'plain')} TABLESAMPLE SYSTEM (${percent}) REPEATABLE (1))) AS bound
    WHERE bound IS NOT NULL ORDER BY value`;
  const fractions = Array.from({ length: count - 1 }, (_, index) => (index + 1) / count);
  const rows = await session.query(`Sampling the key of ${quoteTable(table)}`, sql, [fractions], signal);
  return rows.flatMap((row: TextRow) => (row.bound === null || row.bound === undefined ? [] : [row.bound]));
}

function toKeyRanges(column: string, bounds: readonly string[], only: boolean): readonly SegmentRange[] {
  const edges = [null, ...bounds, null];
  return edges.slice(1).map((to, index) => {
    const from = edges[index] ?? null;
    const value: RangeValue = { kind: 'key', only, column, from, to };
    return { text: toKeyText(column, from, to), value: { ...value }, key: { field: column, from, to } };
  });
}

function toKeyText(column: string, from: string | null, to: string | null): string {
  if (from === null && to === null) return 'whole table';
  if (from === null) return `${column} below ${to}`;
  return to === null ? `${column} from ${from}` : `${column} from ${from} to below ${to}`;
}

function toBlockRanges(blocks: number, count: number): readonly SegmentRange[] {
  const perSegment = Math.ceil(blocks / count);
  return Array.from({ length: Math.ceil(blocks / perSegment) }, (_, index) => {
    const from = index * perSegment;
    // The last one is open: a page that was added after the measurement may hold records of the snapshot.
    const to = from + perSegment < blocks ? from + perSegment : null;
    const value: RangeValue = { kind: 'blocks', only: true, from, to };
    return { text: `blocks from ${from}${to === null ? '' : ` to ${to - 1}`}`, value: { ...value } };
  });
}

function toWholeRange(only: boolean): SegmentRange {
  const value: RangeValue = { kind: 'whole', only };
  return { text: 'whole table', value: { ...value } };
}

function toChangedRange(from: NonNullable<SegmentRequest['from']>, only: boolean): SegmentRange {
  const value: RangeValue = { kind: 'changed', only };
  return { text: isDelta(from) ? `${from.field} from ${from.value}` : 'changed records', value: { ...value } };
}
