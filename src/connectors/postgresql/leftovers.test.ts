import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { startOwnServer } from '../../../tests/setup/own-server.ts';
import { useSides } from '../../../tests/setup/postgresql-copies.ts';
import { connectDatabase, NEVER } from '../../../tests/setup/postgresql-loads.ts';
import type { Connector, Leftover } from '../../connector-kit/index.ts';

const { destination } = useSides();

async function find(
  kind: Leftover['kind'],
  { connector }: { readonly connector: Connector } = destination,
): Promise<readonly Leftover[]> {
  const leftovers = (await connector.findLeftovers?.(NEVER)) ?? [];
  return leftovers.filter((leftover) => leftover.kind === kind);
}

/** A session under that name, as a process that is gone might have left it. */
async function openNamed(name: string): Promise<{ readonly ended: Promise<unknown> }> {
  const client = new pg.Client({ connectionString: destination.url, application_name: name });
  const ended = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  onTestFinished(() => client.end());
  return { ended };
}

it('finds the sessions of executions by their names, with and without a segment', async () => {
  const [reading, holding] = [randomUUID(), randomUUID()];
  const { ended } = await openNamed(`millrace ${reading} 12/3`);
  await openNamed(`millrace ${holding}`);
  await openNamed(`millrace doctor ${randomUUID()}`);
  await openNamed('somebody else');
  const found = await find('session');
  expect(found.map(({ executionId }) => executionId).toSorted()).toEqual([reading, holding].toSorted());
  expect(found.every(({ ageSeconds }) => ageSeconds !== null && ageSeconds >= 0 && ageSeconds < 3_600)).toBe(true);
  const orphan = found.find(({ executionId }) => executionId === reading);
  expect(orphan?.name).toMatch(/^session \d+ \(millrace .* 12\/3\)$/);
  await destination.sql(orphan?.remedy ?? '');
  await ended;
  await expect.poll(async () => (await find('session')).map(({ executionId }) => executionId)).toEqual([holding]);
});

it('finds replication slots that nobody reads, with the log that they hold back', async () => {
  // Slots are of the whole server, and others look at that of the tests, too.
  await using server = await startOwnServer();
  await using connector = await connectDatabase(server.url);
  expect(await find('slot', { connector })).toEqual([]);
  await server.sql(`SELECT pg_create_physical_replication_slot('left_over', true)`);
  const [slot] = await find('slot', { connector });
  expect(slot?.name).toMatch(/^replication slot left_over \(holds back \d+ (bytes|kB|MB) of log\)$/);
  await server.sql(slot?.remedy ?? '');
  expect(await find('slot', { connector })).toEqual([]);
});
