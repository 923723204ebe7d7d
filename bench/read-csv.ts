import { rmSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from './table.ts';

// Reads a finished CSV file into a table of a new DuckDB file, or into a Parquet file, and prints the CPU seconds which that took.
const [csvFile, into] = process.argv.slice(2);
if (csvFile === undefined) throw new Error('Name the CSV file.');
const database = `${csvFile}.duckdb`;
const parquet = `${csvFile}.parquet`;
const instance = await DuckDBInstance.create(database);
const connection = await instance.connect();
const columns = COLUMNS.map(([name, , type]) => `'${name}': '${type}'`).join(', ');
const before = process.cpuUsage();
const lines = `FROM read_csv('${csvFile}', columns = {${columns}}, header = false, auto_detect = false, quote = '"', escape = '"')`;
if (into === 'parquet') {
  await connection.run('SET preserve_insertion_order = false');
  await connection.run(`COPY (${lines}) TO '${parquet}' (FORMAT parquet, COMPRESSION zstd)`);
} else {
  await connection.run(`CREATE TABLE lines AS ${lines}`);
  await connection.run('CHECKPOINT');
}
const { user, system } = process.cpuUsage(before);
connection.closeSync();
instance.closeSync();
for (const path of [database, parquet]) rmSync(path, { force: true });
process.stdout.write(String((user + system) / 1_000_000));
