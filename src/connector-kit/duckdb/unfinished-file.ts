import { existsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';

/** DuckDB's three headers. A database never becomes smaller; its first records come behind them. */
const HEADERS_BYTES = 3 * 4_096;
const MAGIC = { text: 'DUCK', at: 8 } as const;

/**
 * Removes a database file that DuckDB began to make and did not finish, as on a full disk or under kill -9: it never held
 * anything, and DuckDB would refuse it for ever. Anything else stays, however small. Call it behind a failed opening that
 * nobody's lock has caused. @returns whether there was one
 */
export async function removeUnfinished(path: string): Promise<boolean> {
  if (!(await isUnfinished(path))) return false;
  await rm(path, { force: true });
  return true;
}

async function isUnfinished(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile() || found.size >= HEADERS_BYTES || existsSync(`${path}.wal`)) return false;
  if (found.size === 0) return true;
  await using file = await open(path);
  const bytes = Buffer.alloc(MAGIC.text.length);
  await file.read(bytes, 0, bytes.length, MAGIC.at);
  return bytes.toString('latin1') === MAGIC.text;
}
