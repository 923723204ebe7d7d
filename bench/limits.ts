import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addressOf, type BenchDatabase, DESTINATION, SOURCE } from './database.ts';
import { readOwnCpu } from './process-stats.ts';
import { tableName } from './table.ts';

/** What a limit took. */
export interface LimitRun {
  readonly wallSeconds: number;
  /** CPU seconds of its client processes. */
  readonly clientCpuSeconds: number;
}

const TARGET = 'psql_target';

/** What psql copies, and into what. */
export interface LimitCopy {
  /** A table, or a query in parentheses. */
  readonly from: string;
  /** Columns of the target as CREATE TABLE takes them. */
  readonly columns: string;
  /** Those of them that are copied; empty = all. */
  readonly copied?: string;
  readonly buildsKey: boolean;
  /** libpq's own word; encrypted or not. */
  readonly sslMode?: 'require' | 'disable';
}

/** The fastest copy that PostgreSQL's own tools make: binary COPY from one psql into another. */
export async function runPsql(database: BenchDatabase, copy: LimitCopy): Promise<LimitRun> {
  const { from, columns, copied = '', buildsKey, sslMode = 'disable' } = copy;
  await database.destination.query(`DROP TABLE IF EXISTS ${TARGET}`);
  await database.destination.query(`CREATE TABLE ${TARGET} (${columns})`);
  await database.settle();
  const out = psql(SOURCE, `COPY ${from} TO STDOUT (FORMAT binary)`);
  const into = psql(DESTINATION, `COPY ${TARGET} ${copied === '' ? '' : `(${copied})`} FROM STDIN (FORMAT binary)`);
  const key = buildsKey ? ` && ${psql(DESTINATION, `ALTER TABLE ${TARGET} ADD PRIMARY KEY (id)`)}` : '';
  const run = await timeShell(`${out} | ${into}${key}`, database, sslMode);
  await database.destination.query(`DROP TABLE ${TARGET}`);
  return run;
}

/** What upserts by hand: a staging table, then INSERT … ON CONFLICT, in one transaction. `into` keeps its records. */
export async function runPsqlUpsert(
  database: BenchDatabase,
  { select, into, columns }: { readonly select: string; readonly into: string; readonly columns: readonly string[] },
): Promise<LimitRun> {
  await database.settle();
  const out = psql(SOURCE, `COPY (${select}) TO STDOUT (FORMAT binary)`);
  const updates = columns.map((name) => `${name} = excluded.${name}`).join(', ');
  const upsert = [
    `BEGIN; CREATE TEMP TABLE stage ON COMMIT DROP AS SELECT * FROM ${into} LIMIT 0`,
    'COPY stage FROM STDIN (FORMAT binary)',
    `INSERT INTO ${into} SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET ${updates}; COMMIT`,
  ].map((sql) => `-c "${sql}"`);
  return timeShell(`${out} | psql -X -q -v ON_ERROR_STOP=1 -d ${DESTINATION} ${upsert.join(' ')}`, database);
}

/** The floor of PostgreSQL into a file that DuckDB writes: CPU seconds that cannot be avoided, spread over all cores. */
export interface FileFloor {
  readonly copyCpuSeconds: number;
  readonly readCpuSeconds: number;
  /** Their sum divided by the number of cores. */
  readonly floorSeconds: number;
}

/** A finished CSV file of the table, as the floor's second half reads it. Disposing removes it. */
export async function makeCsvFile(
  database: BenchDatabase,
  rows: number,
): Promise<Disposable & { readonly path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const path = join(folder, 'lines.csv');
  await timeShell(`${psql(SOURCE, `COPY ${tableName(rows)} TO STDOUT (FORMAT csv)`)} > '${path}'`, database);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Measures both halves of the floor, one after the other. */
export async function measureFileFloor(
  database: BenchDatabase,
  rows: number,
  file: { readonly csvFile: string; readonly destination: 'duckdb' | 'parquet' },
): Promise<FileFloor> {
  await database.settle();
  const copyCpuSeconds = await copyToNothing(database, rows);
  const readCpuSeconds = await readFinishedFile(file.csvFile, file.destination);
  return { copyCpuSeconds, readCpuSeconds, floorSeconds: (copyCpuSeconds + readCpuSeconds) / availableParallelism() };
}

/** The server itself throws the bytes away, so its backend's CPU is all there is. */
async function copyToNothing({ source }: BenchDatabase, rows: number): Promise<number> {
  const { rows: found } = await source.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = found[0]?.pid ?? 0;
  const before = readOwnCpu(pid);
  await source.query(`COPY ${tableName(rows)} TO '/dev/null' (FORMAT csv)`);
  return readOwnCpu(pid) - before;
}

/** In a process of its own: what DuckDB keeps from an earlier round must not help. */
async function readFinishedFile(csvFile: string, into: 'duckdb' | 'parquet'): Promise<number> {
  const script = fileURLToPath(new URL('./read-csv.ts', import.meta.url));
  const child = spawn(process.execPath, [script, csvFile, into], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`DuckDB could not read ${csvFile} (exit code ${code}).`);
  return Number(text);
}

function psql(database: string, sql: string): string {
  return `psql -X -q -v ON_ERROR_STOP=1 -d ${database} -c "${sql}"`;
}

/** Bash times a whole pipeline, its processes' CPU included. */
async function timeShell(command: string, { server }: BenchDatabase, sslMode = 'disable'): Promise<LimitRun> {
  const { host, port, user, password } = addressOf(server);
  const startedAt = performance.now();
  const child = spawn('bash', ['-c', `set -o pipefail; TIMEFORMAT='%U %S'; time { ${command}; }`], {
    env: { ...process.env, PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password, PGSSLMODE: sslMode },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    said += part;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The limit could not be measured: ${said.trim()}`);
  const [userSeconds = '0', system = '0'] = said.trim().split('\n').at(-1)?.split(' ') ?? [];
  return {
    wallSeconds: (performance.now() - startedAt) / 1000,
    clientCpuSeconds: Number(userSeconds) + Number(system),
  };
}
