import { quotePath, type Session, toDeltaText } from '../../connector-kit/duckdb/index.ts';
import type { SegmentRange, SegmentRequest } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { RecordRange } from './reader.ts';
import type { FileTable, Format } from './tables.ts';

/** What we store of a segment: files by their real paths, and of a single large Parquet file the records. */
export interface RangeValue {
  readonly kind: 'files';
  readonly files: readonly string[];
  readonly isPartitioned: boolean;
  readonly records: RecordRange | null;
}

/** Bytes of csv that one byte of a file becomes, at a guess; compressed ones become more. */
const GROWTH: Readonly<Record<Format, number>> = { csv: 1, json: 1, parquet: 6 };
const GZIP_GROWTH = 6;
const MAX_PIECES = 1000;

/** Puts small files together and cuts large Parquet files by their records; a large text file is one segment. */
export async function planSegments(
  session: Session,
  table: FileTable,
  format: Format,
  sizes: ReadonlyMap<string, number>,
  request: SegmentRequest,
): Promise<readonly SegmentRange[]> {
  const { from, segmentBytes } = request;
  if (from !== null) return [toRange(table, table.files, null, toDeltaText(from))];
  // A column of that name would be asked instead of the records' places.
  const canCut =
    format === 'parquet' && !request.schema.fields.some(({ id }) => id.toLowerCase() === 'file_row_number');
  const ranges: SegmentRange[] = [];
  let together: string[] = [];
  let bytes = 0;
  const close = () => {
    if (together.length > 0) ranges.push(toRange(table, together, null, toText(together, table)));
    together = [];
    bytes = 0;
  };
  for (const file of table.files) {
    const size = (sizes.get(file) ?? 0) * GROWTH[format] * (/\.gz$/i.test(file) ? GZIP_GROWTH : 1);
    if (bytes + size > segmentBytes) close();
    if (canCut && size > segmentBytes) ranges.push(...(await cutFile(session, table, file, size / segmentBytes)));
    else {
      together.push(file);
      bytes += size;
    }
  }
  close();
  return ranges;
}

/** What `planSegments` stored. */
export function toValue({ value }: SegmentRange): RangeValue {
  if (value.kind !== 'files')
    throw new SyncError('INTERNAL', 'A segment was handed back that no files have. Report it.');
  // Written by planSegments above; nobody else makes range values of this kind.
  return value as unknown as RangeValue;
}

async function cutFile(
  session: Session,
  table: FileTable,
  file: string,
  pieces: number,
): Promise<readonly SegmentRange[]> {
  const [row] = await session.rows(
    `SELECT num_rows::VARCHAR AS records FROM parquet_file_metadata([${quotePath(file)}])`,
  );
  const records = Number(row?.records ?? 0);
  const step = Math.max(1, Math.ceil(records / Math.min(Math.ceil(pieces), MAX_PIECES)));
  const count = Math.max(1, Math.ceil(records / step));
  return Array.from({ length: count }, (_, i) => {
    const from = i * step;
    const to = i + 1 < count ? from + step : null;
    const text = `${toName(file)}, records from position ${from}${to === null ? '' : ` to ${to - 1}`}`;
    return toRange(table, [file], { from, to }, text);
  });
}

function toRange(
  { isPartitioned }: FileTable,
  files: readonly string[],
  records: RangeValue['records'],
  text: string,
): SegmentRange {
  const value: RangeValue = { kind: 'files', files, isPartitioned, records };
  return { text, value: { ...value } };
}

function toText(files: readonly string[], table: FileTable): string {
  if (files.length === table.files.length) return 'whole table';
  const [first = ''] = files;
  return files.length === 1 ? toName(first) : `${toName(first)} to ${toName(files.at(-1) ?? '')}`;
}

function toName(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
