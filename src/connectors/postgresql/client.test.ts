import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import {
  connectDatabase,
  createDatabaseContext,
  NEVER,
  openSide,
  type Side,
} from '../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';
import { CreditPool, MemoryCredit } from '../../connector-kit/index.ts';
import type { Chunk, WireFormat } from '../../formats/index.ts';
import { createRoute } from './client/route.ts';
import { openSession, type Session } from './client.ts';
import { postgresqlConfig } from './config.ts';

let side: Side;

beforeAll(async () => {
  side = await openSide();
});

afterAll(() => side[Symbol.asyncDispose]());

function open(given: Parameters<typeof createDatabaseContext>[0] = {}, url = side.url): Promise<Session> {
  const config = postgresqlConfig.parse(postgresConfiguration(url));
  const context = createDatabaseContext(given);
  return openSession({ config, context, route: createRoute(config, context), side: 'source' }, NEVER);
}

async function collect(chunks: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const all: Chunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

/** Copies one table into another of the same shape through our own framing, on two sessions. */
async function relay(from: string, into: string, format: WireFormat): Promise<number> {
  await using reader = await open();
  await using writer = await open();
  const option = format === 'csv' ? 'csv' : 'binary';
  const target = await writer.copyIn('Writing', `COPY ${into} FROM STDIN (FORMAT ${option})`, format, NEVER);
  let records = 0;
  for await (const chunk of reader.copyOut('Reading', `COPY ${from} TO STDOUT (FORMAT ${option})`, format, NEVER)) {
    records += chunk.ends.length;
    await target.write(chunk, NEVER);
  }
  await target.end(NEVER);
  return records;
}

describe.each(['pgcopy-binary', 'csv'] as const)('a relay of %s', (format) => {
  it('keeps every value: NULLs, empty strings, quotes, line ends, non-ASCII text, a cell of 10 MB', async () => {
    await side.sql('DROP TABLE IF EXISTS a, b; CREATE TABLE a (id int, t text, v bytea); CREATE TABLE b (LIKE a)');
    await side.sql(`INSERT INTO a VALUES (1, NULL, NULL), (2, '', ''), (3, 'ä"b' || chr(10) || 'c,\\N' || chr(13), '\\x00ff0a'),
      (4, '🌊 naïve', NULL), (NULL, repeat('x', 10000000), decode(repeat('00', 1000), 'hex'))`);
    await side.sql(`INSERT INTO a SELECT i, repeat(md5(i::text), i % 20), NULL FROM generate_series(10, 20000) i`);
    expect(await relay('a', 'b', format)).toBe(5 + 19991);
    const hash = (table: string) =>
      side.sql(`SELECT count(*), md5(string_agg(${table}::text, '|' ORDER BY id, t)) FROM ${table}`);
    expect(await hash('b')).toEqual(await hash('a'));
  });

  it('copies an empty table', async () => {
    await side.sql('DROP TABLE IF EXISTS a, b; CREATE TABLE a (id int); CREATE TABLE b (LIKE a)');
    expect(await relay('a', 'b', format)).toBe(0);
  });
});

describe('a session', () => {
  it('is idle again after a copy, and takes the next statement', async () => {
    await using session = await open();
    for (let turn = 0; turn < 3; turn += 1) {
      const chunks = await collect(
        session.copyOut(
          'Reading',
          'COPY (SELECT generate_series(1, 100000)) TO STDOUT (FORMAT binary)',
          'pgcopy-binary',
          NEVER,
        ),
      );
      expect(chunks.reduce((sum, { ends }) => sum + ends.length, 0)).toBe(100_000);
      expect(await session.query('Asking', 'SELECT $1::int + 1 AS n', [turn], NEVER)).toEqual([
        { n: String(turn + 1) },
      ]);
    }
  });

  it('waits for a slow consumer without holding the table in memory', async () => {
    await using session = await open();
    let chunks = 0;
    let mostBytes = 0;
    const before = process.memoryUsage().arrayBuffers;
    for await (const _ of session.copyOut(
      'Reading',
      `COPY (SELECT repeat('x', 1000) FROM generate_series(1, 60000)) TO STDOUT (FORMAT binary)`,
      'pgcopy-binary',
      NEVER,
    )) {
      chunks += 1;
      await new Promise((resolve) => setImmediate(resolve));
      mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - before);
    }
    expect(chunks).toBeGreaterThan(200);
    expect(mostBytes).toBeLessThan(40_000_000);
  });

  it('reports what the server refuses in a copy, and goes on', async () => {
    await using session = await open();
    await expect(collect(session.copyOut('Reading', 'COPY missing TO STDOUT', 'csv', NEVER))).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    });
    const failing = 'COPY (SELECT 1 / (50000 - i) FROM generate_series(1, 60000) i) TO STDOUT (FORMAT binary)';
    await expect(collect(session.copyOut('Reading', failing, 'pgcopy-binary', NEVER))).rejects.toMatchObject({
      code: 'SOURCE_QUERY_FAILED',
    });
    await expect(session.copyIn('Writing', 'COPY missing FROM STDIN', 'csv', NEVER)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    });
    await session.script('Preparing', 'CREATE TEMP TABLE narrow (n int)', NEVER);
    const target = await session.copyIn('Writing', 'COPY narrow FROM STDIN (FORMAT csv)', 'csv', NEVER);
    await target.write({ payload: new Uint8Array(Buffer.from('1\nx\n')) }, NEVER);
    await expect(target.end(NEVER)).rejects.toMatchObject({ code: 'SOURCE_QUERY_FAILED' });
    expect(await session.query('Asking', 'SELECT count(*) AS n FROM narrow', [], NEVER)).toEqual([{ n: '0' }]);
  });

  it('refuses further records once the server has refused one, however much is still to come', async () => {
    await using session = await open();
    await session.script('Preparing', 'CREATE TEMP TABLE narrow (n int)', NEVER);
    const target = await session.copyIn('Writing', 'COPY narrow FROM STDIN (FORMAT csv)', 'csv', NEVER);
    const payload = new Uint8Array(Buffer.from('x\n'.repeat(100_000)));
    const writeMuch = async () => {
      for (let turn = 0; turn < 1000; turn += 1) await target.write({ payload }, NEVER);
      await target.end(NEVER);
    };
    await expect(writeMuch()).rejects.toMatchObject({ code: 'SOURCE_QUERY_FAILED' });
  });

  it('ends at once when a copy is aborted, and so does the backend', async () => {
    const session = await open();
    const abort = new AbortController();
    const read = async () => {
      for await (const _ of session.copyOut(
        'Reading',
        'COPY (SELECT pg_sleep(0.01) FROM generate_series(1, 100000)) TO STDOUT',
        'csv',
        abort.signal,
      ))
        abort.abort();
    };
    const reading = read();
    abort.abort(new Error('stop'));
    await expect(reading).rejects.toThrow('stop');
    expect(session.isUsable).toBe(false);
    await expect
      .poll(() => side.sql(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${session.pid}`))
      .toEqual([['0']]);
  });

  it('ends at once when a query is aborted, and so does the backend', async () => {
    const session = await open();
    const abort = new AbortController();
    const asking = session.query('Asking', 'SELECT pg_sleep(60)', [], abort.signal);
    abort.abort(new Error('stop'));
    await expect(asking).rejects.toThrow('stop');
    await expect
      .poll(() => side.sql(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${session.pid}`))
      .toEqual([['0']]);
  });

  it('says goodbye once, however often it is closed, and then has nothing to cancel', async () => {
    await using proxy = await FaultProxy.open(side.url);
    const session = await open({}, proxy.through(side.url));
    proxy.stall();
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
    // The server has not answered yet; a socket that was destroyed would tell within a turn or two.
    const soon = new Promise((resolve) => setTimeout(resolve, 50, 'under way'));
    expect(await Promise.race([soon, session.ended])).toBe('under way');
    session.destroy();
    await proxy.heal();
    await session.ended;
    expect(await countConnections(proxy)).toBe(1);
  });

  it('is told to stop when it is closed at work', async () => {
    const session = await open();
    const asking = session.query('Asking', 'SELECT pg_sleep(60)', [], NEVER);
    const lost = expect(asking).rejects.toMatchObject({ code: 'CONN_LOST' });
    await session[Symbol.asyncDispose]();
    await lost;
    await expect
      .poll(() => side.sql(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${session.pid}`))
      .toEqual([['0']]);
  });

  it('that holds a snapshot ends once, when the snapshot and then its connector are let go of', async () => {
    await using proxy = await FaultProxy.open(side.url);
    const connector = await connectDatabase(proxy.through(side.url));
    const snapshot = await connector.source?.openSnapshot(NEVER);
    await snapshot?.[Symbol.asyncDispose]();
    await connector[Symbol.asyncDispose]();
    expect(await countConnections(proxy)).toBe(1);
  });

  /** Connections that were ever taken, when all that are going to be asked for have been: requests to cancel come late. */
  async function countConnections(proxy: FaultProxy): Promise<number> {
    // The last repetition comes half a second after the first; timers of one length go off in their order.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await using _last = await open({}, proxy.through(side.url));
    return proxy.acceptedConnections - 1;
  }

  it('is closed when its consumer stops early', async () => {
    const session = await open();
    for await (const _ of session.copyOut(
      'Reading',
      'COPY (SELECT generate_series(1, 1000000)) TO STDOUT',
      'csv',
      NEVER,
    ))
      break;
    expect(session.isUsable).toBe(false);
  });

  it('says that the connection was lost when the server ends it in a copy', async () => {
    const session = await open();
    const read = collect(
      session.copyOut(
        'Reading',
        'COPY (SELECT pg_sleep(0.01) FROM generate_series(1, 100000)) TO STDOUT',
        'csv',
        NEVER,
      ),
    );
    const lost = expect(read).rejects.toMatchObject({ code: 'CONN_LOST' });
    await expect.poll(() => side.sql(`SELECT pg_terminate_backend(${session.pid})`)).toEqual([['t']]);
    await lost;
  });

  it('says so when the server has ended it before the copy', async () => {
    const copies: readonly ((session: Session) => Promise<unknown>)[] = [
      (session) => collect(session.copyOut('Reading', 'COPY (SELECT 1) TO STDOUT', 'csv', NEVER)),
      (session) => session.copyIn('Writing', 'COPY a FROM STDIN', 'csv', NEVER),
    ];
    for (const copy of copies) {
      const session = await open();
      await side.sql(`SELECT pg_terminate_backend(${session.pid})`);
      await expect.poll(() => session.isUsable).toBe(false);
      await expect(copy(session)).rejects.toMatchObject({ code: 'CONN_LOST' });
    }
  });

  it('prints every value in one form, whatever the user’s own settings are', async () => {
    const { username, pathname } = new URL(side.url);
    // Here only: the role is that of all tests.
    const role = `ALTER ROLE "${username}" IN DATABASE ${pathname.slice(1)}`;
    await side.sql(
      `${role} SET DateStyle = 'SQL, DMY'; ${role} SET TimeZone = 'Asia/Tokyo'; ${role} SET bytea_output = 'escape'; ${role} SET statement_timeout = '50ms'; ${role} SET quote_all_identifiers = on; ${role} SET array_nulls = off; ${role} SET xmloption = 'document'`,
    );
    try {
      await using session = await open();
      const sql = `SELECT '2026-01-02 03:04:05.6+00'::timestamptz AS t, '\\x01'::bytea AS b, '1 day 2 hours'::interval AS i, 0.1::float8 AS f, current_setting('statement_timeout') AS s,
        format_type('date'::regtype, NULL) AS y, ('{NULL}'::text::int[])[1] AS n, 'a<b/>'::text::xml AS x`;
      expect(await session.query('Asking', sql, [], NEVER)).toEqual([
        { t: '2026-01-02 03:04:05.6+00', b: '\\x01', i: 'P1DT2H', f: '0.1', s: '0', y: 'date', n: null, x: 'a<b/>' },
      ]);
    } finally {
      await side.sql(`${role} RESET ALL`);
    }
  });
});

describe('records that are longer than a chunk', () => {
  const LENGTH = 5_000_000;
  const SQL = `COPY (SELECT repeat('x', CASE WHEN i % 3 = 0 THEN ${LENGTH} ELSE 10 END) FROM generate_series(1, 9) i) TO STDOUT (FORMAT csv)`;
  const isLong = ({ payload }: Chunk) => payload.byteLength > LENGTH;

  it('are read when there is room for them beside those of other sessions', async () => {
    const pool = new CreditPool(3 * LENGTH);
    const credits = [1, 2, 3].map(() => new MemoryCredit(pool.openAccount()));
    const read = async (credit: MemoryCredit) => {
      await using session = await open({ credit });
      const lengths: number[] = [];
      for await (const chunk of session.copyOut('Reading', SQL, 'csv', NEVER)) {
        // Each takes room for itself and a copy, so two do not fit.
        if (isLong(chunk)) expect(pool.state().takenBytes).toBeLessThan(3 * LENGTH);
        lengths.push(...chunk.ends.map((end, index) => end - (chunk.ends[index - 1] ?? 0)));
      }
      return lengths;
    };
    const lengths = [11, 11, LENGTH + 1];
    expect(await Promise.all(credits.map(read))).toEqual(credits.map(() => [...lengths, ...lengths, ...lengths]));
    expect(pool.state()).toMatchObject({ takenBytes: 0, waiting: 0 });
  });

  it('are waited for until the call is aborted, and leave nothing taken', async () => {
    const pool = new CreditPool(LENGTH);
    const held = new MemoryCredit(pool.openAccount()).tryTake(1);
    const stop = new AbortController();
    await using session = await open({ credit: new MemoryCredit(pool.openAccount()) });
    const reading = collect(session.copyOut('Reading', SQL, 'csv', stop.signal));
    await expect.poll(() => pool.state().waiting).toBe(1);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    held?.release();
    await expect.poll(() => pool.state()).toMatchObject({ takenBytes: 0, waiting: 0 });
  });

  it('are given back by a reader that stops early', async () => {
    const pool = new CreditPool(3 * LENGTH);
    await using session = await open({ credit: new MemoryCredit(pool.openAccount()) });
    for await (const chunk of session.copyOut('Reading', SQL, 'csv', NEVER)) if (isLong(chunk)) break;
    await expect.poll(() => pool.state()).toMatchObject({ takenBytes: 0, waiting: 0 });
  });
});
