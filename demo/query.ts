import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Column, createTerminal, formatCount, formatTable } from '../src/cli/index.ts';
import { describeFailure, readCliFile, readConfig } from '../src/runtime/index.ts';
import { openDatabases, withClient } from './databases.ts';
import { DEMO, HOME } from './plan.ts';

/** Answers of one destination, as text. */
type Ask = (sql: string) => Promise<readonly (readonly string[])[]>;

const TABLES = ['flights', 'airports', 'zipcodes', 'birdstrikes', 'movies'];

// Both systems understand these words, so the answers can stand side by side.
const COUNTS = TABLES.map((table) => `SELECT '${table}', count(*) FROM ${DEMO.destinationSchema}.${table}`).join(
  ' UNION ALL ',
);
const WORST = `SELECT a.name, count(*), CAST(avg(f.delay) AS decimal(10, 1))
  FROM ${DEMO.destinationSchema}.flights f JOIN ${DEMO.destinationSchema}.airports a ON a.iata = f.origin
  GROUP BY a.name HAVING count(*) > 20000 ORDER BY 3 DESC, 1 LIMIT 5`;

const terminal = createTerminal(process.stdout, { hasColour: !process.env.NO_COLOR });
try {
  process.exitCode = await queryBoth();
} catch (error) {
  terminal.line(describeFailure(error));
  process.exitCode = 1;
}

async function queryBoth(): Promise<number> {
  const file = findDuckdbFile();
  if (file === null) {
    terminal.line('There is no result yet: `npm run demo` makes one.');
    return 1;
  }
  await using databases = await openDatabases(HOME);
  const answers = await withClient(databases.destination, async (client) => {
    const ask: Ask = async (sql) => (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows.map(toTexts);
    return { counts: await ask(COUNTS), worst: await ask(WORST) };
  });
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const ask: Ask = async (sql) => (await connection.runAndReadAll(sql)).getRowsJson().map(toTexts);
  print(answers, { counts: await ask(COUNTS), worst: await ask(WORST) });
  connection.closeSync();
  instance.closeSync();
  return 0;
}

interface Answers {
  readonly counts: readonly (readonly string[])[];
  readonly worst: readonly (readonly string[])[];
}

function print(postgresql: Answers, duckdb: Answers): void {
  const right = (title: string): Column => ({ title, align: 'right' });
  const counts = pair(postgresql.counts, duckdb.counts, ([table = '', count = '0'], [, other = '0']) => [
    table,
    formatCount(Number(count)),
    formatCount(Number(other)),
  ]);
  const worst = pair(postgresql.worst, duckdb.worst, ([name = '', count = '0', delay = ''], [, , otherDelay = '']) => [
    name,
    formatCount(Number(count)),
    delay,
    otherDelay,
  ]);
  terminal.line(
    terminal.style('bold', 'Records in the destinations'),
    '',
    ...formatTable([{ title: 'table' }, right('PostgreSQL'), right('DuckDB')], counts),
    '',
    terminal.style('bold', 'Airports with the longest mean delay, in minutes'),
    '',
    ...formatTable([{ title: 'airport' }, right('flights'), right('PostgreSQL'), right('DuckDB')], worst),
  );
}

function pair(
  left: readonly (readonly string[])[],
  right: readonly (readonly string[])[],
  join: (left: readonly string[], right: readonly string[]) => string[],
): string[][] {
  return left.map((row, index) => join(row, right[index] ?? []));
}

function toTexts(row: readonly unknown[]): string[] {
  return row.map(String);
}

function findDuckdbFile(): string | null {
  const organizationId = readCliFile(HOME)?.organizationId;
  if (organizationId === undefined) return null;
  const file = join(readConfig(process.env, { home: HOME }).filesRoot, organizationId, DEMO.duckdbFile);
  return existsSync(file) ? file : null;
}
