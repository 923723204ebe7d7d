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
export function startWriter(url: string, tables: readonly TortureTable[], random: Random): Writer {
  const busy = tables.filter((table) => table.name !== 'empty');
  const end = new AbortController();
  const [fast, slow] = [new Pen(url), new Pen(url)];
  let transactions = 0;
  const running = Promise.all([
    repeat(end.signal, fast, async (client) => {
      if (await writeOnce(client, random.pick(busy as [TortureTable, ...TortureTable[]]), random)) transactions += 1;
      await delay(PAUSE_MS);
    }),
    repeat(end.signal, slow, (client) => commitLate(client, busy, random, end.signal)),
  ]);
  // Shown by `stop`.
  running.catch(() => {});
  return {
    async stop() {
      end.abort();
      try {
        await running;
      } finally {
        await Promise.all([fast.close(), slow.close()]);
      }
      return transactions;
    },
  };
}

/** A session that is opened again when the server has ended it. */
class Pen {
  readonly #url: string;
  #client: pg.Client | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async open(): Promise<pg.Client> {
    if (this.#client !== null) return this.#client;
    const client = new pg.Client({ connectionString: this.#url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {
      // The next statement fails, too.
    });
    await client.connect();
    await client.query(`SET lock_timeout = '200ms'`);
    this.#client = client;
    return client;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }
}

/** What was under way when the server died is rolled back or committed as a whole: the sums hold either way. */
async function repeat(signal: AbortSignal, pen: Pen, work: (client: pg.Client) => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await work(await pen.open());
    } catch (error) {
      if (!isServerGone(error)) throw error;
      await pen.close();
      await delay(100);
    }
  }
}

/** No server, no connection, or one that shuts down, recovers or starts. */
function isServerGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return /^(57P|08|ECONN|EPIPE)/.test(code) || /terminated|timeout|not queryable/i.test(error.message);
}

/** Somebody holds the lock; the table's definition has changed a moment ago. */
const IN_THE_WAY = ['55P03', '42703'];

// False when another session was in the way: then nothing was changed.
async function writeOnce(client: pg.Client, table: TortureTable, random: Random): Promise<boolean> {
  await client.query('BEGIN');
  const done = await unlessInTheWay(change(client, table, random));
  await client.query(done ? 'COMMIT' : 'ROLLBACK');
  return done;
}

async function unlessInTheWay(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && 'code' in error && IN_THE_WAY.includes(String(error.code))) return false;
    throw error;
  }
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
  const done = await unlessInTheWay(stampLate(client, table, random));
  await delay(random.between(50, 1_500), undefined, { signal }).catch(() => {});
  await client.query(done && random.chance(0.8) ? 'COMMIT' : 'ROLLBACK');
}

async function stampLate(client: pg.Client, table: TortureTable, random: Random): Promise<boolean> {
  const [at] = await pickRecords(client, table, random);
  await client.query(`UPDATE ${table.name} SET note = 'late', ${table.trackingField} = now() WHERE ctid = $1::tid`, [
    at,
  ]);
  return true;
}
