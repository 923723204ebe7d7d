import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Random } from './random.ts';
import type { TortureTable } from './source-tables.ts';

/** A user who changes the source all the while. */
export interface Writer {
  /** Ends it and says how many transactions it has made. @throws when it failed on the way */
  stop(): Promise<number>;
}

const PAUSE_MS = 2;
const NOTES = [
  null,
  '',
  'changed',
  'it\'s "so"',
  'line\nbreak\ttab',
  'back\\slash, comma',
  '日本語 🚀',
  '\\N',
] as const;

/**
 * Begins to write in small transactions: it moves amounts between records, inserts, deletes, changes keys. After each of
 * them the amounts of every table add up to nothing, so an image torn between two of them shows. Beside it, one session
 * commits late what it has stamped early.
 */
export async function startWriter(url: string, tables: readonly TortureTable[], random: Random): Promise<Writer> {
  const busy = tables.filter((table) => table.name !== 'empty');
  const end = new AbortController();
  const [fast, slow] = [new pg.Client(url), new pg.Client(url)];
  await Promise.all([fast.connect(), slow.connect()]);
  await fast.query(`SET lock_timeout = '200ms'`);
  let transactions = 0;
  const running = Promise.all([
    repeat(end.signal, async () => {
      if (await writeOnce(fast, random.pick(busy as [TortureTable, ...TortureTable[]]), random)) transactions += 1;
      await delay(PAUSE_MS);
    }),
    repeat(end.signal, () => commitLate(slow, busy, random, end.signal)),
  ]);
  // Shown by `stop`.
  running.catch(() => {});
  return {
    async stop() {
      end.abort();
      try {
        await running;
      } finally {
        await Promise.all([fast.end(), slow.end()]);
      }
      return transactions;
    },
  };
}

async function repeat(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) await work();
}

// False when another session was in the way: then nothing was changed.
async function writeOnce(client: pg.Client, table: TortureTable, random: Random): Promise<boolean> {
  await client.query('BEGIN');
  const done = await change(client, table, random).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === '55P03') return false;
    throw error;
  });
  await client.query(done ? 'COMMIT' : 'ROLLBACK');
  return done;
}

async function change(client: pg.Client, table: TortureTable, random: Random): Promise<boolean> {
  const draw = table.name === 'tiny' ? 0 : random.next();
  const [a, b, c] = await pickRecords(client, table, random);
  if (a === undefined || b === undefined || c === undefined) return false;
  if (draw < 0.45) return transfer(client, table, [a, b], random);
  if (draw < 0.65) return insert(client, table, a, random);
  if (draw < 0.85) return remove(client, table, [a, b], c);
  return rename(client, table, a, random);
}

/** Places of three records side by side, somewhere in the table. */
async function pickRecords(client: pg.Client, { name }: TortureTable, random: Random): Promise<string[]> {
  const from = name === 'tiny' ? 0 : random.between(0, 999_000);
  const { rows } = await client.query<{ at: string }>(
    `SELECT ctid::text AS at FROM ${name} WHERE n >= $1 ORDER BY n LIMIT 3`,
    [from],
  );
  return rows.map((row) => row.at);
}

const stampOf = ({ trackingField }: TortureTable) =>
  trackingField === null ? '' : `, ${trackingField} = clock_timestamp()`;

async function transfer(
  client: pg.Client,
  table: TortureTable,
  [from, to]: readonly [string, string],
  random: Random,
): Promise<boolean> {
  const note = NOTES[random.between(0, NOTES.length - 1)];
  const { rowCount } = await client.query(
    `UPDATE ${table.name} SET amount = amount + CASE ctid WHEN $1::tid THEN -$3::bigint ELSE $3 END, note = $4${stampOf(table)}
     WHERE ctid IN ($1::tid, $2::tid)`,
    [from, to, random.between(1, 500), note],
  );
  return rowCount === 2;
}

/** Copies of a record under new keys; without a key, every copy twice, so that records are exactly alike. */
async function insert(client: pg.Client, table: TortureTable, like: string, random: Random): Promise<boolean> {
  const amount = random.between(1, 500);
  const amounts = table.key.length === 0 ? [amount, amount, -amount, -amount] : [amount, -amount];
  const values = Object.keys(table.columns).map((column) => {
    if (column === table.sequenceColumn) return `nextval('new_keys')`;
    if (column === 'n') return String(random.between(0, 999_999));
    if (column === 'amount') return 'made.amount';
    return column === table.trackingField ? 'clock_timestamp()' : `t.${column}`;
  });
  const { rowCount } = await client.query(
    `INSERT INTO ${table.name} (${Object.keys(table.columns).join(', ')})
     SELECT ${values.join(', ')} FROM ${table.name} t, unnest($2::bigint[]) made(amount) WHERE t.ctid = $1::tid`,
    [like, amounts],
  );
  return rowCount === amounts.length;
}

/** Deletes two records and gives what they held to a third one. */
async function remove(
  client: pg.Client,
  table: TortureTable,
  [a, b]: readonly [string, string],
  heir: string,
): Promise<boolean> {
  const gone = await client.query<{ amount: string }>(
    `DELETE FROM ${table.name} WHERE ctid IN ($1::tid, $2::tid) RETURNING amount`,
    [a, b],
  );
  const sum = gone.rows.reduce((total, row) => total + BigInt(row.amount), 0n);
  const given = await client.query(
    `UPDATE ${table.name} SET amount = amount + $2${stampOf(table)} WHERE ctid = $1::tid`,
    [heir, String(sum)],
  );
  return gone.rowCount === 2 && given.rowCount === 1;
}

async function rename(client: pg.Client, table: TortureTable, at: string, random: Random): Promise<boolean> {
  const changed =
    table.sequenceColumn === null
      ? `note = 'n${random.between(0, 999)}'`
      : `${table.sequenceColumn} = nextval('new_keys')`;
  const { rowCount } = await client.query(`UPDATE ${table.name} SET ${changed}${stampOf(table)} WHERE ctid = $1::tid`, [
    at,
  ]);
  return rowCount === 1;
}

/** Stamps a record with the start of its transaction and commits only after others have committed later stamps. */
async function commitLate(
  client: pg.Client,
  tables: readonly TortureTable[],
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  const tracked = tables.filter((table) => table.trackingField !== null);
  const table = tracked[random.between(0, Math.max(0, tracked.length - 1))];
  if (table === undefined) return delay(1_000, undefined, { signal }).catch(() => {});
  await client.query('BEGIN');
  const [at] = await pickRecords(client, table, random);
  await client.query(`UPDATE ${table.name} SET note = 'late', ${table.trackingField} = now() WHERE ctid = $1::tid`, [
    at,
  ]);
  await delay(random.between(50, 1_500), undefined, { signal }).catch(() => {});
  await client.query(random.chance(0.8) ? 'COMMIT' : 'ROLLBACK');
}
