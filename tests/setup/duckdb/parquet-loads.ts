import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Connector } from '../../../src/connector-kit/index.ts';
import { CONNECTORS } from '../../../src/connectors/index.ts';
import { createFileContext } from './duckdb-loads.ts';

/** The connector of written folders on `path` under the root. */
export async function connectFolder(
  root: string,
  path: string,
  failpoint?: (name: string) => void,
  format?: 'parquet' | 'csv',
): Promise<Connector> {
  const definition = CONNECTORS.get('parquet');
  if (definition === undefined) throw new Error('the parquet connector is not registered');
  return definition.connect(definition.config.parse({ path, format }), createFileContext(root, failpoint));
}

/** Asks what a reader of the documentation would: `$table` stands for the files that are published. */
export async function queryTable(tableFolder: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const instance = await DuckDBInstance.create();
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const result = await connection.run(sql.replaceAll('$table', `read_parquet('${tableFolder}/current/*.parquet')`));
    const rows = await result.getRowsJson();
    connection.closeSync();
    return rows;
  } finally {
    instance.closeSync();
  }
}

/** The name of the generation that is published. */
export async function currentOf(tableFolder: string): Promise<string> {
  return (await readlink(join(tableFolder, 'current'))).replace('.millrace/', '');
}
