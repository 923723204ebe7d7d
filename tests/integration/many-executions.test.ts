import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';
import { makeConnection, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

/** Lanes that one process runs at once; each sync has two. */
const PLACES = 8;
const SYNCS = 12;
/** In the middle of every table. */
const HELD_BEHIND = 600_000;
const LIMIT_MS = 150_000;

let databases: TestDatabase[];
let home: TestHome;
let server: MillraceProcess;

beforeAll(async () => {
  databases = await Promise.all([createTestDatabase(), createTestDatabase(), createTestDatabase()]);
  home = await createTestHome();
}, LIMIT_MS);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  for (const database of databases) await database[Symbol.asyncDispose]();
}, LIMIT_MS);

it(
  'carries on with more executions than it has places for, after kill -9 of a process that shared its database',
  async () => {
    const [metadata, source, destination] = databases as [TestDatabase, TestDatabase, TestDatabase];
    const signal = AbortSignal.timeout(LIMIT_MS);
    await using gate = await Gate.open(source.ownerUrl);
    await using client = await connect(source.ownerUrl);
    for (let number = 1; number <= SYNCS; number += 1) {
      for (const half of ['a', 'b']) {
        await client.query(
          `CREATE TABLE t${number}${half} AS SELECT i AS id, repeat(md5(i::text), 20) AS name FROM generate_series(1, 2000) i`,
        );
      }
    }
    server = await startMillrace(home, { DATABASE_URL: metadata.url });
    const syncs = await makeSyncs(gate.through(source.ownerUrl), destination.ownerUrl, signal);
    gate.holdEach(HELD_BEHIND);
    const started = await Promise.all(syncs.map((sync) => server.client.startBulkSync(sync, {}, signal)));
    const isReading = async (id: string, index: number) => {
      const { schemas } = await server.client.getProgress(syncs[index] ?? '', id, signal);
      return schemas.filter((schema) => schema.phase === 'reading').length;
    };
    await waitFor(async () => {
      const counts = await Promise.all(started.map(({ id }, index) => isReading(id, index)));
      return counts.reduce((sum, count) => sum + count, 0) >= PLACES ? true : null;
    }, signal);
    await server.kill();
    gate.release();
    // Nobody tells this process that the other one is dead: it has to find out.
    server = await startMillrace(home, { DATABASE_URL: metadata.url });
    for (const [index, { id }] of started.entries()) {
      const { execution, receipt } = await untilEnded(server, syncs[index] ?? '', id, signal);
      expect([execution.status, receipt?.verdict, execution.record_count]).toEqual(['completed', 'equal', 4_000]);
    }
  },
  LIMIT_MS,
);

/** One sync of two tables each, all over the same two connections. */
async function makeSyncs(sourceUrl: string, destinationUrl: string, signal: AbortSignal): Promise<string[]> {
  const connect = (name: string, url: string) =>
    makeConnection(server, ['postgresql', postgresConfiguration(url)], name, signal);
  const [from, to] = [await connect('from', sourceUrl), await connect('to', destinationUrl)];
  const ids: string[] = [];
  for (let number = 1; number <= SYNCS; number += 1) {
    const { id } = await server.client.createBulkSync(
      {
        name: `sync ${number}`,
        mode: 'replicate',
        source_connection_id: from,
        destination_connection_id: to,
        destination_configuration: { schema: 'landing' },
        default_schedule: { frequency: 'manual' },
        schemas: [`public.t${number}a`, `public.t${number}b`],
      },
      signal,
    );
    ids.push(id);
  }
  return ids;
}

async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
