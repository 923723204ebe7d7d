import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type pg from 'pg';
import { copyFromFile } from './copy-in.ts';
import { CHANGED_FLIGHTS, ROOT } from './plan.ts';

/** One table of the source: how PostgreSQL holds it, and the query that takes it out of the data set's file. */
interface Dataset {
  readonly table: string;
  /** Column definitions, in the order of `select`. */
  readonly columns: string;
  readonly select: (folder: string) => string;
  /** Run after the load. */
  readonly indexes: readonly string[];
}

const DATASETS: readonly Dataset[] = [
  {
    table: 'flights',
    columns: `id bigint, date timestamp NOT NULL, delay integer, distance integer, origin text, destination text,
      updated_at timestamptz NOT NULL`,
    // The file has no key; its order is stable, so the position is one. UTC, because the file names no zone.
    select: (
      folder,
    ) => `SELECT file_row_number + 1, date, delay, distance, origin, destination, strftime(date, '%Y-%m-%d %H:%M:%S+00')
      FROM read_parquet('${folder}/flights-3m.parquet', file_row_number = true)`,
    indexes: ['ALTER TABLE flights ADD PRIMARY KEY (id)', 'CREATE INDEX flights_updated_at ON flights (updated_at)'],
  },
  {
    table: 'airports',
    columns: 'iata text PRIMARY KEY, name text, city text, state text, country text, latitude float8, longitude float8',
    select: (folder) => `SELECT * FROM read_csv('${folder}/airports.csv', header = true, all_varchar = true)`,
    indexes: [],
  },
  {
    table: 'zipcodes',
    columns: 'zip_code text PRIMARY KEY, latitude float8, longitude float8, city text, state text, county text',
    select: (folder) => `SELECT * FROM read_csv('${folder}/zipcodes.csv', header = true, all_varchar = true)`,
    indexes: [],
  },
  {
    table: 'birdstrikes',
    columns: `"Airport Name" text, "Aircraft Make Model" text, "Effect Amount of damage" text, "Flight Date" date,
      "Aircraft Airline Operator" text, "Origin State" text, "Phase of flight" text, "Wildlife Size" text, "Wildlife Species" text,
      "Time of day" text, "Cost Other" integer, "Cost Repair" integer, "Cost Total $" integer, "Speed IAS in knots" integer`,
    select: (folder) => `SELECT * FROM read_csv('${folder}/birdstrikes.csv', header = true)`,
    indexes: [],
  },
  {
    table: 'movies',
    columns: `"Title" text, "US Gross" bigint, "Worldwide Gross" bigint, "US DVD Sales" bigint, "Production Budget" bigint,
      "Release Date" text, "MPAA Rating" text, "Running Time min" integer, "Distributor" text, "Source" text, "Major Genre" text,
      "Creative Type" text, "Director" text, "Rotten Tomatoes Rating" integer, "IMDB Rating" numeric(3,1), "IMDB Votes" integer`,
    // Some titles are numbers in the file, so the column is read as JSON and taken as text.
    select: (folder) => `SELECT "Title" ->> '$' AS "Title", * EXCLUDE ("Title")
      FROM read_json('${folder}/movies.json', map_inference_threshold = -1, field_appearance_threshold = 0)`,
    indexes: [],
  },
];

/** What was loaded, for the printed list. */
export interface LoadedTable {
  readonly table: string;
  readonly records: number;
  readonly seconds: number;
}

/**
 * Fills an empty database with the real data sets, the largest first.
 * DuckDB reads the files and writes CSV; PostgreSQL takes that by COPY: the fastest way in that needs nothing else.
 */
export async function* loadSource(client: pg.Client, signal: AbortSignal): AsyncGenerator<LoadedTable> {
  const folder = join(ROOT, 'node_modules/vega-datasets/data');
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-demo-'));
  const instance = await DuckDBInstance.create(':memory:');
  const duckdb = await instance.connect();
  try {
    for (const dataset of DATASETS) {
      signal.throwIfAborted();
      yield await loadTable(dataset, { client, duckdb, folder, file: join(scratch, `${dataset.table}.csv`) });
    }
  } finally {
    duckdb.closeSync();
    instance.closeSync();
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface LoadTools {
  readonly client: pg.Client;
  readonly duckdb: DuckDBConnection;
  readonly folder: string;
  readonly file: string;
}

async function loadTable(dataset: Dataset, { client, duckdb, folder, file }: LoadTools): Promise<LoadedTable> {
  const startedAt = performance.now();
  const { table } = dataset;
  await duckdb.run(`COPY (${dataset.select(folder)}) TO '${file}' (FORMAT csv, HEADER false)`);
  await client.query(`CREATE TABLE ${table} (${dataset.columns})`);
  await copyFromFile(client, `COPY ${table} FROM STDIN (FORMAT csv)`, file);
  rmSync(file);
  for (const index of dataset.indexes) await client.query(index);
  await client.query(`ANALYZE ${table}`);
  const { rows } = await client.query<{ records: string }>(`SELECT count(*) AS records FROM ${table}`);
  return { table, records: Number(rows[0]?.records ?? 0), seconds: (performance.now() - startedAt) / 1000 };
}

/** Delays some flights by a minute, now: spread over the whole table. Returns how many. */
export async function changeFlights(client: pg.Client): Promise<number> {
  const { rowCount } = await client.query(
    `UPDATE flights SET delay = delay + 1, updated_at = now()
     WHERE id % (SELECT count(*) / $1::bigint FROM flights) = 0`,
    [CHANGED_FLIGHTS],
  );
  return rowCount ?? 0;
}
