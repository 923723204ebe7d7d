import { describe, expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';

// Executions that have lost nearly as many records as an execution may, over all its schemas.

const SOURCE = `
  CREATE TABLE bad (id int PRIMARY KEY, price numeric(10,2));
  INSERT INTO bad SELECT i, i FROM generate_series(1, 100) i;
  CREATE TABLE good (id int PRIMARY KEY);
  INSERT INTO good VALUES (1)`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

/** Each execution that begins has lost so many records of other schemas already. */
async function loseAtStart(count: number): Promise<void> {
  await queryDatabase(
    server.metadata.url,
    `CREATE OR REPLACE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO rejects (execution_id, schema_id, generation, segment_no, position, organization_id, reason)
         SELECT NEW.id, 'other', 1, 1, no, NEW.organization_id, 'odd' FROM generate_series(1, ${count}) no;
       RETURN NULL; END $$;
     CREATE OR REPLACE TRIGGER lose AFTER INSERT ON executions FOR EACH ROW EXECUTE FUNCTION lose()`,
  );
}

/** What an execution has made of the two schemas. */
async function run(syncId: string) {
  const { execution } = await scene.run(syncId);
  const rejects = await server.client.listRejects(syncId, execution.id, 100, scene.signal);
  const schemas = (execution.schemas ?? []).map(({ schema, status }) => `${schema} ${status}`).sort();
  const messages = (execution.schemas ?? []).flatMap(({ status_message }) => status_message ?? []);
  return { status: execution.status, schemas, messages, rejects: rejects.map(({ key }) => key?.id) };
}

const FAILED = {
  status: 'errors',
  schemas: ['public.bad failed', 'public.good completed'],
  messages: [
    expect.stringMatching(/^With records of public\.bad, more than 50000 would be refused in this execution\./),
  ],
  rejects: [],
};
const LANDED = { status: 'errors', schemas: ['public.bad completed', 'public.good completed'], messages: [] };

describe('an execution that may lose one more record', { timeout: LIMIT_MS }, () => {
  it('publishes no schema of which the table refuses two', async () => {
    await loseAtStart(0);
    const sync = await scene.make(['public.bad', 'public.good']);
    expect((await run(sync.id)).status).toBe('completed');
    await scene.inDestination('ALTER TABLE landing.bad ADD CHECK (price < 1000) NOT VALID');
    await scene.inSource('UPDATE bad SET price = 1000 WHERE id IN (7, 8); UPDATE bad SET price = 0 WHERE id = 9');
    await loseAtStart(49_999);
    expect(await run(sync.id)).toEqual(FAILED);
    const changed = 'SELECT count(*) FROM landing.bad WHERE price <> id';
    expect(await scene.inDestination(changed)).toEqual([['0']]);
    await loseAtStart(49_998);
    expect(await run(sync.id)).toEqual({ ...LANDED, rejects: ['7', '8'] });
    expect(await scene.inDestination(changed)).toEqual([['1']]);
  });

  it('publishes no schema of which the file cannot hold two', async () => {
    await scene.inSource(`UPDATE bad SET price = 'NaN' WHERE id IN (7, 8)`);
    const file = ['duckdb', { path: 'limits.duckdb' }] as const;
    const sync = await scene.make(['public.bad', 'public.good'], {}, { destination: file });
    await loseAtStart(49_999);
    expect(await run(sync.id)).toEqual(FAILED);
    await loseAtStart(49_998);
    expect(await run(sync.id)).toEqual({ ...LANDED, rejects: ['7', '8'] });
  });
});
