import pg from 'pg';
import { createRowHash, damaged, parseLine, type TableHeader } from './format.ts';

/** Rows of one statement, and their bytes in memory. */
const ROWS_AT_ONCE = 500;
const BYTES_AT_ONCE = 4 * 1024 * 1024;

/**
 * Loads the rows of all tables from the lines behind a backup's header, and proves that none is missing or changed.
 * @param known tables that may occur
 * @returns how many rows there were
 * @throws `BACKUP_INVALID`
 */
export async function loadTables(
  client: pg.Client,
  source: AsyncIterator<string>,
  known: readonly string[],
): Promise<number> {
  // A migration may have filled a table.
  await client.query(`TRUNCATE ${known.join(', ')}`);
  const seen = new Set<string>();
  let rows = 0;
  for (;;) {
    const next = await source.next();
    if (next.done) throw damaged('its end is missing');
    const line = parseLine(next.value);
    if (line.kind === 'end') {
      const isWhole = seen.size === known.length && line.tables === seen.size && line.rows === rows;
      if (!isWhole) throw damaged('it does not hold as much as its end says');
      if (!(await source.next()).done) throw damaged('it goes on behind its end');
      return rows;
    }
    if (line.kind !== 'table' || !known.includes(line.table) || seen.has(line.table))
      throw damaged('it holds what no backup does');
    seen.add(line.table);
    rows += await loadTable(client, source, line);
  }
}

async function loadTable(
  client: pg.Client,
  source: AsyncIterator<string>,
  { table, columns }: TableHeader,
): Promise<number> {
  const hash = createRowHash();
  let waiting: string[] = [];
  let [count, bytes] = [0, 0];
  const flush = async () => {
    if (waiting.length > 0) await insert(client, { table, columns }, waiting);
    waiting = [];
    bytes = 0;
  };
  for (;;) {
    const next = await source.next();
    if (next.done) throw damaged('its end is missing');
    const line = parseLine(next.value);
    if (line.kind === 'row') {
      hash.add(line.text);
      waiting.push(line.text);
      count += 1;
      bytes += line.text.length;
      if (waiting.length >= ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE) await flush();
      continue;
    }
    await flush();
    if (line.kind !== 'end-of-table' || line.table !== table || line.rows !== count || line.sha256 !== hash.digest())
      throw damaged(`the rows of ${table} are not those that were written`);
    await advanceNumbers(client, table);
    return count;
  }
}

async function insert(client: pg.Client, { table, columns }: TableHeader, rows: readonly string[]): Promise<void> {
  // Ours: the names are those of our own migrations, which PostgreSQL would refuse otherwise.
  const names = columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ');
  const text = `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1::json)`;
  try {
    await client.query(text, [`[${rows.join(',')}]`]);
  } catch (error) {
    throw isMisfit(error) ? damaged(`what it holds does not fit ${table}`, error) : error;
  }
}

/** Data, constraints, names: PostgreSQL refuses the rows themselves. All else is the matter of the database. */
function isMisfit(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ['22', '23', '42'].includes(error.code?.slice(0, 2) ?? '');
}

/** Numbers that the database gives out go on behind the highest that is stored. */
async function advanceNumbers(client: pg.Client, table: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attidentity <> ''`,
    [table],
  );
  for (const { name } of rows) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), highest) FROM (SELECT max(${name}) AS highest FROM ${table}) t WHERE highest IS NOT NULL`,
      [table, name],
    );
  }
}
