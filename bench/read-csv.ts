import { rmSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from './table.ts';

// Reads a finished CSV file into a table of a new DuckDB file and prints the CPU seconds which that took.
const [csvFile] = process.argv.slice(2);
if (csvFile === undefined) throw new Error('Name the CSV file.');
const database = `${csvFile}.duckdb`;
const instance = await DuckDBInstance.create(database);
const connection = await instance.connect();
const columns = COLUMNS.map(([name, , type]) => `'${name}': '${type}'`).join(', ');
const before = process.cpuUsage();
await connection.run(
  `CREATE TABLE lines AS FROM read_csv('${csvFile}', columns = {${columns}}, header = false, auto_detect = false, quote = '"', escape = '"')`,
);
await connection.run('CHECKPOINT');
const { user, system } = process.cpuUsage(before);
connection.closeSync();
instance.closeSync();
rmSync(database, { force: true });
process.stdout.write(String((user + system) / 1_000_000));
