import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import type { TortureTable } from './source-tables.ts';

/** Changes by hand that a repair has to find: records that go, change, or come under a key of their own. */
export function alterStatements(tables: readonly TortureTable[]): string[] {
  return tables
    .filter(({ name, key }) => key.length > 0 && name !== 'empty')
    .flatMap(({ name, key }) => {
      const columns = [...key, 'n', 'amount', 'note'];
      // Below every key of the writer.
      const values = columns.map((column) =>
        column === 'id' || column === 'no' ? `-${column} - 1` : column === 'note' ? `'by hand'` : column,
      );
      return [
        `DELETE FROM landing.${name} WHERE n % 89 = 1`,
        `UPDATE landing.${name} SET note = 'by hand', amount = amount + 1 WHERE n % 97 = 2`,
        `INSERT INTO landing.${name} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM landing.${name} WHERE n % 101 = 3`,
      ];
    });
}

/** Carries them out one by one in a database. */
export async function alterPostgres(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The same in a file that nobody has open. */
export async function alterDuckdb(file: string, statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    for (const statement of statements) await connection.run(statement);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
