import { DuckDBInstance } from '@duckdb/node-api';

/** Run as a process of its own: one statement on a file, and what came of it as a message. */
const [path = '', sql = '', accessMode = ''] = process.argv.slice(2);
const answer = await run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
process.send?.(answer ?? { done: true });

async function run(): Promise<null> {
  const instance = await DuckDBInstance.create(path, { access_mode: accessMode });
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
  return null;
}
