import type { BenchDatabase } from './database.ts';
import { type FileFloor, type LimitRun, makeCsvFile, measureFileFloor, runPsql } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { makeSync, openProduct, type Product, type ProductRun } from './product.ts';
import { type MemoryFigure, megabytes, type Pair, type Results } from './results.ts';
import { say } from './say.ts';
import { columnDefinitions, tableName } from './table.ts';

/** A freshly started server for one part of the benchmark. */
export async function withProduct<T>(
  home: string,
  database: BenchDatabase,
  work: (product: Product) => Promise<T>,
): Promise<T> {
  await using product = await openProduct(home, database);
  return await work(product);
}

/** psql | psql against the product at both depths. */
export async function comparePostgresql(
  product: Product,
  database: BenchDatabase,
  { rows, pairs }: BenchOptions,
): Promise<NonNullable<Results['postgresql']>> {
  const counts = await makeSync(product, { destination: 'postgresql', depth: 'counts', rows });
  const checksums = await makeSync(product, { destination: 'postgresql', depth: 'checksums', rows });
  say('PostgreSQL: one run each to warm up');
  await product.run(counts);
  const buildsKey = await hasKey(database, `bench_counts.${tableName(rows)}`);
  const copy = { from: tableName(rows), columns: columnDefinitions(), buildsKey };
  await runPsql(database, copy);
  const found: { counts: Pair<LimitRun>[]; checksums: Pair<LimitRun>[] } = { counts: [], checksums: [] };
  for (let pair = 1; pair <= pairs; pair += 1) {
    const measureLimit = () => runPsql(database, copy);
    const measureCounts = () => settled(database, () => product.run(counts));
    // Limit and product take turns in going first, so that a machine that slows down favours neither.
    const [limit, byCounts] = await inTurns(pair, measureLimit, measureCounts);
    const byChecksums = await settled(database, () => product.run(checksums));
    found.counts.push({ limit, product: byCounts, ratio: limit.wallSeconds / byCounts.wallSeconds });
    found.checksums.push({ limit, product: byChecksums, ratio: limit.wallSeconds / byChecksums.wallSeconds });
    say(
      `  pair ${pair}: limit ${limit.wallSeconds.toFixed(2)} s, counts ${byCounts.wallSeconds.toFixed(2)} s, checksums ${byChecksums.wallSeconds.toFixed(2)} s`,
    );
  }
  return { buildsKey, ...found };
}

/** The floor of a destination that DuckDB writes against the product. */
export async function compareFiles(
  product: Product,
  database: BenchDatabase,
  destination: 'duckdb' | 'parquet',
  { rows, pairs }: BenchOptions,
): Promise<readonly Pair<FileFloor>[]> {
  const sync = await makeSync(product, { destination, depth: 'counts', rows });
  using csv = await makeCsvFile(database, rows);
  const measureFloor = () => measureFileFloor(database, rows, { csvFile: csv.path, destination });
  say(`${destination}: one run each to warm up`);
  await product.run(sync);
  await measureFloor();
  const found: Pair<FileFloor>[] = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const [limit, run] = await inTurns(pair, measureFloor, () => settled(database, () => product.run(sync)));
    found.push({ limit, product: run, ratio: limit.floorSeconds / run.wallSeconds });
    say(`  pair ${pair}: floor ${limit.floorSeconds.toFixed(2)} s, Millrace ${run.wallSeconds.toFixed(2)} s`);
  }
  return found;
}

/** Each figure in a server of its own, because memory that one run took is not always given back for the next. */
export async function measureMemory(
  home: string,
  database: BenchDatabase,
  sizes: readonly number[],
): Promise<MemoryFigure[]> {
  const found: MemoryFigure[] = [];
  for (const destination of ['postgresql', 'duckdb'] as const) {
    for (const rows of sizes) {
      const figure = await withProduct(home, database, (product) => measureTwoRuns(product, destination, rows));
      found.push(figure);
      say(
        `memory, ${destination}, ${rows} records: ${megabytes(figure.firstPeakBytes - figure.idleBytes)} MB above idle`,
      );
    }
  }
  return found;
}

async function measureTwoRuns(
  product: Product,
  destination: MemoryFigure['destination'],
  rows: number,
): Promise<MemoryFigure> {
  const sync = await makeSync(product, { destination, depth: 'counts', rows });
  const first = await product.run(sync);
  const second = await product.run(sync);
  return {
    rows,
    destination,
    idleBytes: first.idleBytes,
    firstPeakBytes: first.peakBytes,
    warmIdleBytes: second.idleBytes,
    secondPeakBytes: second.peakBytes,
  };
}

/** Limit and product, of which another one goes first in each round. */
export async function inTurns<A, B>(round: number, first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
  if (round % 2 === 1) {
    const a = await first();
    return [a, await second()];
  }
  const b = await second();
  return [await first(), b];
}

/** A run of the product that pays for nothing of the one before it. */
export async function settled(database: BenchDatabase, work: () => Promise<ProductRun>): Promise<ProductRun> {
  await database.settle();
  return work();
}

/** True when the product made a primary key, which the limit then has to build, too. */
export async function hasKey({ destination }: BenchDatabase, table: string): Promise<boolean> {
  const { rowCount } = await destination.query(
    'SELECT FROM pg_index WHERE indrelid = to_regclass($1) AND indisprimary',
    [table],
  );
  return rowCount === 1;
}
