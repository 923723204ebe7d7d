import { describe, expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { untilEnded } from '../setup/syncs.ts';

// Row-level security that binds the user of a connection, on either side of a sync.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, age int);
  INSERT INTO people SELECT i, i FROM generate_series(1, 20) i`;
const FORCE = 'ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY';
const UNFORCE = 'ALTER TABLE "landing"."people" NO FORCE ROW LEVEL SECURITY';
const NOTE = /^Row-level security binds \S+ in the source: records that its policies hide are no part of the image/;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

const countLanded = async () =>
  (await queryDatabase(scene.destination.url, 'SELECT count(*)::int FROM landing.people')).flat();

describe('row-level security', { timeout: LIMIT_MS }, () => {
  it('of the source stands in plan and receipt: the image is what it shows', async () => {
    await scene.inSource(`ALTER TABLE people ${FORCE}; CREATE POLICY young ON people USING (age <= 5)`);
    const sync = await scene.make(['public.people']);
    const plan = await server.client.getPlan(sync.id, {}, scene.signal);
    const noted = expect.arrayContaining([expect.stringMatching(NOTE)]);
    expect(plan.schemas[0]?.load?.transfer.pushed_down.filters).toEqual(noted);
    const { receipt } = await scene.run(sync.id);
    expect(receipt).toMatchObject({ verdict: 'equal', schemas: [{ notes: noted, counts: { read: 5 } }] });
    expect(await countLanded()).toEqual([5]);
  });

  it('of the destination stops plan, load and verification, until it is taken away', async () => {
    const sync = await scene.make(['public.people']);
    expect((await scene.run(sync.id)).receipt?.schemas[0]?.notes).not.toContainEqual(expect.stringMatching(NOTE));
    await scene.inDestination(
      `ALTER TABLE landing.people ${FORCE}; CREATE POLICY young ON landing.people USING (age <= 5)`,
    );
    await scene.inSource('DELETE FROM people WHERE id = 3');
    const told = expect.stringContaining(`Run ${UNFORCE}, then start again.`);
    const plan = await server.client.getPlan(sync.id, {}, scene.signal);
    expect(plan.schemas[0]?.refusals).toMatchObject([{ code: 'CONN_PRIVILEGE_MISSING', message: told }]);
    const loaded = await scene.run(sync.id);
    const { id } = await server.client.verifyBulkSync(sync.id, {}, scene.signal);
    const verified = await untilEnded(server, sync.id, id, scene.signal);
    for (const { execution, receipt } of [loaded, verified]) {
      expect(execution.schemas).toMatchObject([{ status: 'failed', status_message: told }]);
      expect(receipt?.verdict).not.toBe('equal');
    }
    expect(await countLanded()).toEqual([20]);
    await scene.inDestination(UNFORCE);
    expect((await scene.run(sync.id)).receipt?.verdict).toBe('equal');
  });
});
