import type { LogicalType } from '../src/core/index.ts';
import {
  type Chunk,
  createRecordHasher,
  createRowEncoder,
  createTranscoder,
  type Row,
  type RowEncoder,
  type WireFormat,
} from '../src/formats/index.ts';
import { type FormatFigure, median } from './results.ts';
import { COLUMNS } from './table.ts';

const PAGES = 50;
const PAGE_RECORDS = 1_000;
/** Rounds before the engine's compiler has settled. */
const WARM_UP = 3;

/** Work on all records, once. */
interface Work {
  readonly name: string;
  run(): void;
}

/**
 * What the formats cost our own process for records like the table's, in CPU nanoseconds for each: parsing JSON alone is the
 * limit of a source that gives pages of it. No server takes part.
 */
export function measureFormats(rounds: number): readonly FormatFigure[] {
  const works = listWorks();
  const times = works.map((): number[] => []);
  for (let round = 0; round < WARM_UP + rounds; round += 1) {
    for (const [index, { run }] of works.entries()) {
      const before = process.cpuUsage();
      run();
      const { user, system } = process.cpuUsage(before);
      if (round >= WARM_UP) times[index]?.push(((user + system) * 1_000) / (PAGES * PAGE_RECORDS));
    }
  }
  return works.map(({ name }, index) => ({ name, nanosecondsPerRecord: median(times[index] ?? []) }));
}

function listWorks(): readonly Work[] {
  const pages = Array.from({ length: PAGES }, (_, page) => JSON.stringify(makePage(page)));
  const formats = ['pgcopy-binary', 'csv'] as const;
  const [binary, csv] = formats.map((format) =>
    pages.map((page) => encodePage(createRowEncoder(format, FIELDS), page)),
  );
  const types = FIELDS.map(({ logicalType }) => logicalType);
  const change = (from: WireFormat, to: WireFormat, chunks: readonly Chunk[] = []): Work => {
    const transcoder = createTranscoder(from, to, types);
    return { name: `${from} by columns to ${to}`, run: () => chunks.forEach((chunk) => void transcoder.apply(chunk)) };
  };
  const hash = (hashing: Parameters<typeof createRecordHasher>[0], chunks: readonly Chunk[] = []): Work => ({
    name: `hash for the receipt, ${hashing}`,
    run: () => {
      const hasher = createRecordHasher(hashing, types);
      for (const chunk of chunks) hasher.add(chunk);
    },
  });
  return [
    { name: 'JSON.parse alone', run: () => pages.forEach((page) => void JSON.parse(page)) },
    ...formats.map((format) => {
      const encoder = createRowEncoder(format, FIELDS);
      return {
        name: `JSON.parse and rows to ${format}`,
        run: () => pages.forEach((page) => void encodePage(encoder, page)),
      };
    }),
    change('pgcopy-binary', 'csv', binary),
    change('csv', 'pgcopy-binary', csv),
    hash('native:pgcopy-binary', binary),
    hash('canonical', csv),
  ];
}

const FIELDS = COLUMNS.map(([id, type]) => ({ id, logicalType: toLogicalType(type) }));

function toLogicalType(type: string): LogicalType {
  if (type.startsWith('bigint')) return { kind: 'integer', bits: 64 };
  if (type.startsWith('integer')) return { kind: 'integer', bits: 32 };
  if (type.startsWith('numeric')) return { kind: 'decimal', precision: 15, scale: 2 };
  if (type.startsWith('date')) return { kind: 'date' };
  return type.startsWith('timestamptz') ? { kind: 'timestamptz' } : { kind: 'text' };
}

function encodePage(encoder: RowEncoder, page: string): Chunk {
  // Written by `makePage`.
  const rows = JSON.parse(page) as readonly Row[];
  for (const row of rows) {
    const fault = encoder.add(row);
    if (fault !== null) throw new Error(`The benchmark's own record was refused: ${fault}`);
  }
  return encoder.take();
}

/** Records as an API would give them, of values like the table's: no randomness. */
function makePage(page: number): readonly Row[] {
  return Array.from({ length: PAGE_RECORDS }, (_, index) => makeRecord(page * PAGE_RECORDS + index + 1));
}

function makeRecord(id: number): Row {
  const scatter = (prime: number, range: number) => (id * prime) % range;
  const day = (offset: number) => new Date(694_224_000_000 + (scatter(7_919, 2_500) + offset) * 86_400_000);
  const dateOf = (offset: number) => day(offset).toISOString().slice(0, 10);
  const values = [
    ...[id, Math.ceil(id / 4), scatter(104_729, 200_000), id % 20 === 0 ? null : scatter(15_485, 10_000), (id % 7) + 1],
    ...[scatter(4_997, 5_000) / 100, scatter(8_602, 9_500_000) / 100 + 900, scatter(324, 11) / 100].map((n) =>
      n.toFixed(2),
    ),
    id % 50 === 0 ? null : (scatter(678, 9) / 100).toFixed(2),
    ...['ANR'[scatter(7_919, 3)], 'OF'[id % 2], dateOf(0), dateOf(id % 60), dateOf((id % 30) + 1)],
    ...[
      'DELIVER IN PERSON',
      'TRUCK',
      id % 10 === 3 ? `größere Bestellung, 東京 ${id}` : `quite ordinary request, number ${id}`,
    ],
    new Date(1_704_067_200_000 + id * 1_001).toISOString(),
  ];
  return Object.fromEntries(FIELDS.map(({ id: name }, index) => [name, values[index] ?? null]));
}
