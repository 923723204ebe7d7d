import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Runs one statement on a database file in a process of its own, as a user would; answers DuckDB's refusal, or null. */
export async function tryInProcess(path: string, sql: string, accessMode = 'READ_WRITE'): Promise<string | null> {
  const child = fork(new URL('duckdb-statement.ts', import.meta.url), [path, sql, accessMode], { execArgv: [] });
  const [answer] = await once(child, 'message');
  await once(child, 'exit');
  return typeof answer === 'string' ? answer : null;
}
