import { type Column, formatCount, formatTable } from '../src/cli/index.ts';
import type { FileFloor, LimitRun } from './limits.ts';
import {
  type FormatFigure,
  type MemoryFigure,
  median,
  megabytes,
  type Pair,
  type Results,
  type ScalingFigure,
} from './results.ts';

/** The figures as aligned text, ready for a terminal or a code block. */
export function reportLines(results: Results): string[] {
  const { machine, rows, pairs, takenAt } = results;
  return [
    `${formatCount(rows)} records of 18 columns, ${pairs} pairs, ${takenAt.slice(0, 10)}`,
    `${machine.cores} cores (${machine.cpu}), ${Math.round(machine.memoryBytes / 1024 ** 3)} GiB, Node ${machine.node}`,
    ...postgresqlLines(results),
    ...fileLines(results),
    ...optionLines(results),
    ...manyTablesLines(results),
    ...memoryLines(results),
    ...peerLines(results),
    ...scalingLines(results),
    ...startLines(results),
    ...listLines(results),
    ...(results.formats === undefined ? [] : formatLines(results.formats)),
  ];
}

function right(title: string): Column {
  return { title, align: 'right' };
}

const PAIR_COLUMNS = [
  right('pair'),
  right('limit s'),
  right('Millrace s'),
  right('ratio'),
  right('limit CPU s'),
  right('our CPU s'),
];

function postgresqlLines({ postgresql }: Results): string[] {
  if (postgresql === undefined) return [];
  const key = postgresql.buildsKey
    ? 'Both sides build the primary key within the measured time.'
    : 'Neither side builds a key within the measured time.';
  return [
    ...section(`PostgreSQL to PostgreSQL against psql | psql, binary COPY. ${key}`),
    ...pairTable('receipt depth counts', postgresql.counts, limitFigures),
    '',
    ...pairTable('receipt depth checksums', postgresql.checksums, limitFigures),
  ];
}

function limitFigures({ limit }: Pair<LimitRun>): [number, number] {
  return [limit.wallSeconds, limit.clientCpuSeconds];
}

function fileLines({ duckdb, parquet }: Results): string[] {
  const floor = 'against its floor: CPU seconds of COPY csv to nothing and of read_csv';
  return [
    ...(duckdb === undefined ? [] : section(`PostgreSQL to a DuckDB file ${floor}, by cores.`)),
    ...(duckdb === undefined ? [] : pairTable('receipt depth counts', duckdb, floorFigures)),
    ...(parquet === undefined ? [] : section(`PostgreSQL to a Parquet folder ${floor} into one file, by cores.`)),
    ...(parquet === undefined ? [] : pairTable('receipt depth counts', parquet, floorFigures)),
  ];
}

function optionLines({ options }: Results): string[] {
  if (options.length === 0) return [];
  const tables = options.map(({ title, goal, pairs }) => [
    '',
    ...pairTable(`${title}; at least ${fixed(goal)}`, pairs, limitFigures),
  ]);
  return [
    ...section('Options of a sync against the same SELECT, psql | psql. Receipt depth counts.'),
    ...tables.flat().slice(1),
  ];
}

function manyTablesLines({ tables }: Results): string[] {
  if (tables === undefined) return [];
  const rows = [tables.first, tables.second].map((run, index) => [
    index === 0 ? 'first' : 'nothing changed',
    run.wallSeconds.toFixed(1),
    ((run.wallSeconds * 1000) / tables.tables).toFixed(1),
    run.cpuSeconds.toFixed(1),
    run.metadataCpuSeconds.toFixed(1),
    megabytes(run.peakBytes - run.idleBytes),
  ]);
  const columns = [
    { title: 'execution' },
    right('s'),
    right('ms a table'),
    right('our CPU s'),
    right('metadata CPU s'),
    right('MB above idle'),
  ];
  return [
    ...section(`One sync of ${formatCount(tables.tables)} tables of 10 records, receipt depth checksums`),
    ...formatTable(columns, rows),
  ];
}

function floorFigures({ limit }: Pair<FileFloor>): [number, number] {
  return [limit.floorSeconds, limit.copyCpuSeconds + limit.readCpuSeconds];
}

function pairTable<Limit>(
  title: string,
  pairs: readonly Pair<Limit>[],
  figures: (pair: Pair<Limit>) => [seconds: number, cpuSeconds: number],
): string[] {
  const rows = pairs.map((pair, index) => [index + 1, ...toFigures(pair, figures(pair))]);
  const middle = [0, 1, 2, 3, 4].map((column) =>
    median(pairs.map((pair) => toFigures(pair, figures(pair))[column] ?? 0)),
  );
  const text = [
    ...rows.map(([number, ...values]) => [String(number), ...values.map(fixed)]),
    ['median', ...middle.map(fixed)],
  ];
  return [title, ...formatTable(PAIR_COLUMNS, text)];
}

function toFigures({ product, ratio }: Pair<unknown>, [seconds, cpuSeconds]: [number, number]): number[] {
  return [seconds, product.wallSeconds, ratio, cpuSeconds, product.cpuSeconds];
}

function memoryLines({ memory }: Results): string[] {
  if (memory === undefined) return [];
  const rows = memory.map((figure) => [
    figure.destination,
    formatCount(figure.rows),
    megabytes(figure.idleBytes),
    megabytes(figure.firstPeakBytes - figure.idleBytes),
    megabytes(figure.warmIdleBytes),
    megabytes(figure.secondPeakBytes - figure.warmIdleBytes),
  ]);
  const columns = [
    { title: 'destination' },
    right('records'),
    right('idle MB'),
    right('first run +'),
    right('idle again'),
    right('second run +'),
  ];
  return [
    ...section("Resident memory of the server's process, in a freshly started server"),
    ...formatTable(columns, rows),
    ...flatnessLines(memory),
  ];
}

/** How far the highest peak of all sizes lies above the lowest one. */
function flatnessLines(memory: readonly MemoryFigure[]): string[] {
  const rows = [...Map.groupBy(memory, ({ destination }) => destination)].flatMap(([destination, figures]) =>
    figures.length < 2
      ? []
      : [
          [
            destination,
            spreadOf(figures, ({ firstPeakBytes, idleBytes }) => firstPeakBytes - idleBytes),
            spreadOf(figures, ({ firstPeakBytes }) => firstPeakBytes),
            spreadOf(figures, ({ secondPeakBytes, idleBytes }) => secondPeakBytes - idleBytes),
            spreadOf(figures, ({ secondPeakBytes }) => secondPeakBytes),
          ],
        ],
  );
  if (rows.length === 0) return [];
  const columns = [
    { title: 'destination' },
    right('first, above idle'),
    right('whole process'),
    right('second, above first idle'),
    right('whole process'),
  ];
  return [
    ...section('How flat that is: the highest peak of these tables above the lowest, in percent of the lowest'),
    ...formatTable(columns, rows),
  ];
}

function spreadOf(figures: readonly MemoryFigure[], peakOf: (figure: MemoryFigure) => number): string {
  const peaks = figures.map(peakOf);
  const [least, most] = [Math.min(...peaks), Math.max(...peaks)];
  return `${((most / least - 1) * 100).toFixed(1)} % (${megabytes(most - least)} MB)`;
}

function peerLines({ peers }: Results): string[] {
  if (peers === undefined) return [];
  const rows = peers.map(({ name, rows: records, runs, recordsPerCpuSecond }) => [
    name,
    formatCount(Math.round(records / median(runs.map(({ wallSeconds }) => wallSeconds)))),
    median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(1),
    formatCount(Math.round(recordsPerCpuSecond)),
    megabytes(Math.max(...runs.map(({ peakBytes }) => peakBytes))),
  ]);
  const columns = [{ title: 'tool' }, right('records/s'), right('CPU s'), right('records per CPU s'), right('peak MB')];
  return [
    ...section('The same table by other tools, each as its guide begins; CPU and memory without PostgreSQL'),
    ...formatTable(columns, rows),
  ];
}

function scalingLines({ scaling }: Results): string[] {
  if (scaling === undefined) return [];
  const wallOf = ({ runs }: ScalingFigure) => median(runs.map(({ wallSeconds }) => wallSeconds));
  const alone = scaling.find(({ workers }) => workers === 1);
  const rows = scaling.map((figure) => [
    String(figure.workers),
    wallOf(figure).toFixed(2),
    formatCount(Math.round(figure.rows / wallOf(figure))),
    alone === undefined ? '' : fixed(wallOf(alone) / wallOf(figure)),
    median(figure.runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(1),
    figure.runs.map(({ lanes }) => lanes.join('+')).join(', '),
    figure.runs.map(({ reads }) => reads.join('+')).join(', '),
  ]);
  const columns = [
    right('workers'),
    right('s'),
    right('records/s'),
    right('ratio to one'),
    right('CPU s'),
    right('lanes of each'),
    right('segments of each'),
  ];
  return [
    ...section(
      'One sync by processes of role worker beside one with the API, receipt depth counts; CPU of all of them',
    ),
    ...formatTable(columns, rows),
  ];
}

function startLines({ start }: Results): string[] {
  if (start === undefined) return [];
  const figures = `${start.medianSeconds.toFixed(1)} s at the median of ${start.starts}, ${start.slowestSeconds.toFixed(1)} s at most`;
  return section(`Start of a server to its first answer: ${figures} (goal 3).`).slice(0, 2);
}

function listLines({ list }: Results): string[] {
  if (list === undefined) return [];
  return section(`List of ${list.syncs} syncs: ${list.medianMs.toFixed(1)} ms at the median.`).slice(0, 2);
}

/** What the formats cost, beside the first of them. */
export function formatLines(figures: readonly FormatFigure[]): string[] {
  const first = figures[0]?.nanosecondsPerRecord ?? 1;
  const rows = figures.map(({ name, nanosecondsPerRecord }) => [
    name,
    nanosecondsPerRecord.toFixed(0),
    fixed(nanosecondsPerRecord / first),
  ]);
  const columns = [{ title: 'step' }, right('CPU ns a record'), right('of the first')];
  return [
    ...section('Wire formats in our own process, no server: records of 18 columns.'),
    ...formatTable(columns, rows),
  ];
}

function section(title: string): string[] {
  return ['', title, ''];
}

function fixed(value: number): string {
  return value.toFixed(2);
}
