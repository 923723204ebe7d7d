import type pg from 'pg';

/**
 * Makes `copies` records out of each record of a table that fits, in SQL alone. `changes` are SQL expressions by column,
 * in which `n` counts the copies of one record.
 */
export async function copyRows(
  pool: Pick<pg.Pool, 'query'>,
  { table, where = 'true', copies, changes }: CopiedRows,
): Promise<void> {
  const columns = await pool.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''`,
    [table],
  );
  const names = columns.rows.map(({ name }) => name);
  const values = names.map((name) => changes[name] ?? `t.${name}`);
  await pool.query(
    `INSERT INTO ${table} (${names.join(', ')})
     SELECT ${values.join(', ')} FROM ${table} t CROSS JOIN generate_series(1, ${copies}) n WHERE ${where}`,
  );
}

/** What is copied, how often, and with which changes. */
export interface CopiedRows {
  readonly table: string;
  /** SQL over `t`; absent = every record. */
  readonly where?: string;
  readonly copies: number;
  readonly changes: Readonly<Record<string, string>>;
}
