import type pg from 'pg';

/** Columns of the benchmark's table: order lines as TPC-H has them, with a key, 10 % non-ASCII text and NULLs. */
export const COLUMNS = [
  ['id', 'bigint NOT NULL', 'BIGINT'],
  ['order_key', 'bigint NOT NULL', 'BIGINT'],
  ['part_key', 'integer NOT NULL', 'INTEGER'],
  ['supplier_key', 'integer', 'INTEGER'],
  ['line_number', 'integer NOT NULL', 'INTEGER'],
  ['quantity', 'numeric(15,2) NOT NULL', 'DECIMAL(15,2)'],
  ['extended_price', 'numeric(15,2) NOT NULL', 'DECIMAL(15,2)'],
  ['discount', 'numeric(15,2) NOT NULL', 'DECIMAL(15,2)'],
  ['tax', 'numeric(15,2)', 'DECIMAL(15,2)'],
  ['return_flag', 'char(1) NOT NULL', 'VARCHAR'],
  ['line_status', 'char(1) NOT NULL', 'VARCHAR'],
  ['ship_date', 'date NOT NULL', 'DATE'],
  ['commit_date', 'date NOT NULL', 'DATE'],
  ['receipt_date', 'date NOT NULL', 'DATE'],
  ['ship_instructions', 'varchar(25) NOT NULL', 'VARCHAR'],
  ['ship_mode', 'varchar(10) NOT NULL', 'VARCHAR'],
  ['comment', 'varchar(60)', 'VARCHAR'],
  ['updated_at', 'timestamptz NOT NULL', 'TIMESTAMPTZ'],
] as const;

/** Name of a table of that many records: tables of several sizes stand side by side. */
export function tableName(rows: number): string {
  return `lines_${rows}`;
}

/** Columns as CREATE TABLE takes them, without keys. */
export function columnDefinitions(): string {
  return COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ');
}

/**
 * Makes the table unless it is there in full: the same records for the same number, no randomness.
 * @returns true when it was made now
 */
export async function provideTable(client: pg.Client, rows: number): Promise<boolean> {
  const table = tableName(rows);
  const { rows: found } = await client.query<{ is_there: boolean }>(
    `SELECT obj_description(to_regclass($1), 'pg_class') = 'complete' AS is_there`,
    [table],
  );
  if (found[0]?.is_there) return false;
  await client.query(`DROP TABLE IF EXISTS ${table}`);
  await client.query(`CREATE TABLE ${table} (${columnDefinitions()})`);
  await client.query(`INSERT INTO ${table} ${selectRecords(rows)}`);
  await client.query(`ALTER TABLE ${table} ADD PRIMARY KEY (id)`);
  // Reading must not have to set hint bits in the first measured round.
  await client.query(`VACUUM (FREEZE, ANALYZE) ${table}`);
  await client.query(`COMMENT ON TABLE ${table} IS 'complete'`);
  return true;
}

/** Multiplication by a large prime scatters the values of neighbouring records. */
function selectRecords(rows: number): string {
  const scatter = (prime: number, range: number) => `(i * ${prime} % ${range})`;
  const day = `date '1992-01-01' + ${scatter(7_919, 2_500)}::int`;
  return `SELECT i, i / 4 + 1, ${scatter(104_729, 200_000)}, CASE WHEN i % 20 <> 0 THEN ${scatter(15_485_863, 10_000)} END, i % 7 + 1,
    ${scatter(49_979_687, 5_000)} / 100.0, ${scatter(86_028_121, 9_500_000)} / 100.0 + 900, ${scatter(32_452_843, 11)} / 100.0,
    CASE WHEN i % 50 <> 0 THEN ${scatter(67_867_967, 9)} / 100.0 END,
    (ARRAY['A', 'N', 'R'])[${scatter(7_919, 3)} + 1], (ARRAY['O', 'F'])[i % 2 + 1],
    ${day}, ${day} + (i % 60)::int, ${day} + (i % 30 + 1)::int,
    (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[i % 4 + 1],
    (ARRAY['AIR', 'FOB', 'MAIL', 'RAIL', 'SHIP', 'TRUCK', 'REG AIR'])[${scatter(104_729, 7)} + 1],
    CASE WHEN i % 100 = 0 THEN NULL WHEN i % 10 = 3 THEN 'größere Bestellung, 東京 ' || i % 1000 ELSE 'quite ordinary request, number ' || ${scatter(15_485_863, 1_000_000)} END,
    timestamptz '2024-01-01 00:00:00Z' + i * interval '1.001 second'
    FROM generate_series(1::bigint, ${rows}) AS i`;
}
