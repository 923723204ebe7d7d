import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { describeFailure, prepareHome } from '../src/runtime/index.ts';
import { commandOf, provideParts } from '../tests/setup/system-packages.ts';
import { measureApi, reportApi } from './api.ts';
import { compareFiles, comparePostgresql, measureMemory, withProduct } from './compare.ts';
import { type BenchDatabase, openBenchDatabase } from './database.ts';
import { measureFormats } from './formats.ts';
import { measureList } from './list.ts';
import { measureManyTables } from './many-tables.ts';
import { type BenchOptions, readOptions, USAGE } from './options.ts';
import { comparePeers } from './peers.ts';
import { formatLines, reportLines } from './report.ts';
import type { Results } from './results.ts';
import { say } from './say.ts';
import { measureScaling } from './scaling.ts';
import { measureStart } from './start.ts';
import { compareOption, OPTION_PARTS } from './sync-options.ts';
import { provideTable } from './table.ts';
import { compareTls } from './tls.ts';
import { compareUpsert } from './upsert.ts';

const ROOT = resolve(import.meta.dirname, '..');
const HOME = join(ROOT, '.millrace', 'bench');
const DOCS = join(ROOT, 'docs', 'benchmarks.md');

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options.parts.every((part) => part === 'formats')) return reportFormats(options);
    if (options.parts.every((part) => part === 'api')) return reportApi(await measureApi(), options.isJson);
    const missing = provideParts([commandOf('psql', 'postgresql-client'), commandOf('bash', 'bash')]);
    if (missing.length > 0) throw new RangeError(missing.join(' '));
    const results = await measure(options);
    console.log(options.isJson ? JSON.stringify(results, undefined, 2) : ['', ...reportLines(results)].join('\n'));
    if (options.writesDocs) writeDocs(results);
    return 0;
  } catch (error) {
    const isMisuse = error instanceof RangeError || (error instanceof TypeError && 'code' in error);
    console.error(isMisuse ? `${error.message}\n${USAGE}` : describeFailure(error));
    return isMisuse ? 2 : 1;
  }
}

/** Needs no server. */
function reportFormats({ pairs, isJson }: BenchOptions): number {
  const figures = measureFormats(pairs);
  console.log(isJson ? JSON.stringify(figures, undefined, 2) : formatLines(figures).join('\n'));
  return 0;
}

async function measure(options: BenchOptions): Promise<Results> {
  prepareHome(HOME);
  await using database = await openBenchDatabase(HOME);
  for (const rows of tablesOf(options)) {
    say(`table of ${rows} records`);
    if (await provideTable(database.source, rows)) say('  made; it is kept for the next time');
  }
  const results: Results = {
    takenAt: new Date().toISOString(),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model ?? 'unknown',
      memoryBytes: totalmem(),
      node: process.versions.node,
    },
    rows: options.rows,
    pairs: options.pairs,
    options: [],
  };
  if (options.parts.includes('pg'))
    results.postgresql = await withProduct(HOME, database, (product) => comparePostgresql(product, database, options));
  for (const part of ['duckdb', 'parquet'] as const)
    if (options.parts.includes(part))
      results[part] = await withProduct(HOME, database, (product) => compareFiles(product, database, part, options));
  await measureOptions(options, database, results);
  if (options.parts.includes('tables')) {
    results.tables = await withProduct(HOME, database, (product) =>
      measureManyTables(product, database, options.tables),
    );
  }
  if (options.parts.includes('memory')) results.memory = await measureMemory(HOME, database, sizesOf(options));
  if (options.parts.includes('peers'))
    results.peers = await withProduct(HOME, database, (product) => comparePeers(product, database, HOME, options));
  if (options.parts.includes('scaling')) results.scaling = await measureScaling(database, HOME, options);
  if (options.parts.includes('formats')) results.formats = measureFormats(options.pairs);
  if (options.parts.includes('start')) results.start = await measureStart(HOME);
  if (options.parts.includes('list')) results.list = await withProduct(HOME, database, measureList);
  return results;
}

/** Records of the tables that are needed. */
function tablesOf(options: BenchOptions): readonly number[] {
  const { parts, rows } = options;
  if (!parts.includes('memory')) return [rows];
  const others = parts.some((part) => part !== 'memory') ? [rows] : [];
  return [...new Set([...sizesOf(options), ...others])];
}

function sizesOf({ sizes, rows }: BenchOptions): readonly number[] {
  return sizes.length > 0 ? sizes : [Math.max(1_000, Math.floor(rows / 3)), rows];
}

async function measureOptions(options: BenchOptions, database: BenchDatabase, results: Results): Promise<void> {
  for (const part of OPTION_PARTS.filter((known) => options.parts.includes(known)))
    results.options.push(
      await withProduct(HOME, database, (product) => compareOption(product, database, part, options)),
    );
  if (options.parts.includes('tls'))
    results.options.push(await withProduct(HOME, database, (product) => compareTls(product, database, options)));
  if (options.parts.includes('upsert'))
    results.options.push(await withProduct(HOME, database, (product) => compareUpsert(product, database, options)));
}

/** Replaces what stands between the two markers. */
function writeDocs(results: Results): void {
  const [begin, end] = ['<!-- figures -->', '<!-- end of figures -->'];
  const text = readFileSync(DOCS, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const after = rest.split(end)[1] ?? '';
  const figures = ['```text', ...reportLines(results), '```'].join('\n');
  writeFileSync(DOCS, `${before}${begin}\n\n${figures}\n\n${end}${after}`);
}
