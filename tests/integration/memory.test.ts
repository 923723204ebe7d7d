import { beforeEach, expect, it } from 'vitest';
import { FaultProxy } from '../setup/fault-proxy.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { watchMemory } from '../setup/process-memory.ts';
import { createSyncScene } from '../setup/sync-scene.ts';
import { postgresConfiguration } from '../setup/syncs.ts';

// What a server takes above its idle memory, by the kernel's own mark. More records than usual for longer runs.
const SCALE = Number(process.env.MILLRACE_TEST_MEMORY_SCALE ?? 1);
/** What the server is told that it may hold in flight. */
const CREDIT_MB = 16;

const server = useServer(() => ({ MILLRACE_MEMORY_CREDIT: String(CREDIT_MB) }));
const scene = useSyncScene(server, '');

// Threads and code of a first execution are no part of what is measured.
beforeEach(async () => {
  await scene.inSource('CREATE TABLE warm AS SELECT 1 AS id');
  const sync = await scene.make([{ id: 'public.warm' }]);
  await scene.run(sync.id);
}, LIMIT_MS);

/** Letters that PostgreSQL stores as a hundredth of their length, and that travel in full. */
const letters = (bytes: number | string) => `repeat('ab', (${bytes}) / 2)`;

it(
  'moves ten times the memory that it is given',
  async () => {
    const [records, recordBytes, givenMegabytes] = [4_000 * SCALE, 80_000, 32];
    await using much = await createSyncScene(
      server,
      AbortSignal.timeout(LIMIT_MS * SCALE),
      `CREATE TABLE much AS SELECT i AS id, ${letters(recordBytes)} AS body FROM generate_series(1, ${records}) i;
       ALTER TABLE much ADD PRIMARY KEY (id); ANALYZE much`,
    );
    const sync = await much.make([{ id: 'public.much' }]);
    await much.send('PUT', `/api/x/bulk/syncs/${sync.id}/settings`, { receipt_depth: 'counts' });
    const memory = watchMemory(server.pid);
    const { receipt } = await much.run(sync.id);
    expect(receipt?.verdict).toBe('equal');
    expect(records * recordBytes).toBeGreaterThanOrEqual(10 * givenMegabytes * 1e6);
    expect(memory.peakMegabytes()).toBeLessThan(givenMegabytes);
  },
  LIMIT_MS * SCALE,
);

it(
  'holds long records one after another, in however many tables they stand among short ones',
  async () => {
    const names = ['a', 'b', 'c', 'd'];
    const longBytes = 12_000_000;
    for (const name of names) {
      await scene.inSource(
        `CREATE TABLE ${name} AS SELECT i AS id, CASE i % 5 WHEN 0 THEN ${letters(longBytes)} ELSE 'short' END AS body FROM generate_series(1, 20) i;
         ALTER TABLE ${name} ADD PRIMARY KEY (id)`,
      );
    }
    const sync = await scene.make(
      names.map((name) => ({ id: `public.${name}` })),
      { concurrency_limit: names.length },
    );
    const memory = watchMemory(server.pid);
    const { receipt } = await scene.run(sync.id);
    expect(receipt?.verdict).toBe('equal');
    // One, and what is beside it; each table by itself would hold three at once.
    expect(memory.peakMegabytes()).toBeLessThan(70);
    const length = `SELECT max(length(body)) FROM landing.d`;
    expect(await scene.inDestination(length)).toEqual([[longBytes]]);
  },
  LIMIT_MS,
);

it(
  'does not pile up what a slow destination does not take',
  async () => {
    await scene.inSource(
      `CREATE TABLE slow AS SELECT i AS id, ${letters('CASE WHEN i % 100 = 0 THEN 1000000 ELSE 10000 END')} AS body FROM generate_series(1, 2000) i;
       ALTER TABLE slow ADD PRIMARY KEY (id); ANALYZE slow`,
    );
    await using proxy = await FaultProxy.open(scene.destination.ownerUrl);
    const through = postgresConfiguration(proxy.through(scene.destination.ownerUrl));
    const sync = await scene.make([{ id: 'public.slow' }], {}, { destination: ['postgresql', through] });
    proxy.slow({ bytesPerSecond: 16_000_000 });
    const memory = watchMemory(server.pid);
    const { receipt } = await scene.run(sync.id);
    expect(receipt?.verdict).toBe('equal');
    expect(memory.peakMegabytes()).toBeLessThan(32);
  },
  LIMIT_MS,
);
