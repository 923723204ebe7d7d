import { beforeEach, describe, expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest, SchemaReceiptBody } from '../../src/contract/index.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';

// Syncs of depth `repair`, after somebody has changed the destination by hand.

const RECORDS = 5_000;

const SOURCE = `
  CREATE TABLE people (id bigint PRIMARY KEY, name text, amount numeric(12,2), changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'name ' || i, i / 4.0, '2024-01-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, ${RECORDS}) i;
  CREATE TABLE named (name text, part int, note text, changed_at timestamptz NOT NULL, PRIMARY KEY (name, part));
  INSERT INTO named VALUES ('Ärger', 1, 'a', '2024-01-01Z'), ('ärger', 1, 'b', '2024-01-01Z'), ('straße', 2, '', '2024-01-01Z'), ('z', 3, NULL, '2024-01-02Z');
  CREATE TABLE notes (body text);
  INSERT INTO notes SELECT 'note ' || i FROM generate_series(1, 20) i;`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

const TRACKED: NonNullable<BulkSyncRequest['schemas']> = [
  { id: 'public.people', tracking_field: 'changed_at' },
  { id: 'public.named', tracking_field: 'changed_at' },
];

async function make(schemas: NonNullable<BulkSyncRequest['schemas']>, options: Partial<BulkSyncRequest> = {}) {
  const sync = await scene.make(schemas, options);
  await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
  return sync;
}

async function run(sync: BulkSyncBody): Promise<Map<string, SchemaReceiptBody>> {
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return new Map(receipt?.schemas.map((schema) => [schema.schema, schema]));
}

const repairedKeys = (receipt: SchemaReceiptBody | undefined) =>
  receipt?.repaired?.records.map(({ kind, key }) => `${kind} ${Object.values(key).join('/')}`).sort() ?? null;

/** The transactions that wrote the living records, and how many each. */
async function writers(table: string): Promise<number[]> {
  const rows = await scene.inDestination(
    `SELECT count(*)::int FROM landing.${table} WHERE __millrace_deleted_at IS NULL GROUP BY xmin::text ORDER BY 1`,
  );
  return rows.flat().map(Number);
}

const CHANGES = `
  UPDATE landing.people SET name = 'Name 777' WHERE id = 777;
  UPDATE landing.people SET name = NULL WHERE id = 778;
  DELETE FROM landing.people WHERE id IN (1, 4000);
  INSERT INTO landing.people (id, name, changed_at) VALUES (-5, 'extra', now());
  UPDATE landing.named SET note = NULL WHERE name = 'straße';
  UPDATE landing.named SET name = 'ÄRGER' WHERE name = 'Ärger';`;

const PEOPLE_REPAIRED = ['different 777', 'different 778', 'extra -5', 'missing 1', 'missing 4000'];
const NAMED_REPAIRED = ['different straße/2', 'extra ÄRGER/1', 'missing Ärger/1'];

const sourceText = (table: string) => scene.inSource(`SELECT t::text FROM ${table} t ORDER BY 1`);
const landedText = (table: string, columns: string) =>
  scene.inDestination(
    `SELECT ROW(${columns})::text FROM landing.${table} WHERE __millrace_deleted_at IS NULL ORDER BY 1`,
  );

describe('a delta of depth repair', { timeout: LIMIT_MS }, () => {
  it('repairs what it did not read, and writes only that', async () => {
    const sync = await make(TRACKED);
    await run(sync);
    await scene.inDestination(CHANGES);
    const receipts = await run(sync);
    const people = receipts.get('public.people');
    expect([people?.load, people?.scope]).toEqual(['delta', 'snapshot']);
    expect(repairedKeys(people)).toEqual(PEOPLE_REPAIRED);
    expect(repairedKeys(receipts.get('public.named'))).toEqual(NAMED_REPAIRED);
    expect(await landedText('people', 'id, name, amount, changed_at')).toEqual(await sourceText('people'));
    expect(await landedText('named', 'name, part, note, changed_at')).toEqual(await sourceText('named'));
    // Those of the first load are as it wrote them; the repair has written its four in one transaction.
    expect(await writers('people')).toEqual([4, RECORDS - 4]);
    expect((await run(sync)).get('public.people')?.repaired).toBeNull();
  });

  it('finds deletes that no tracking field shows', async () => {
    const sync = await make(TRACKED);
    await run(sync);
    await scene.inSource('DELETE FROM people WHERE id = 42');
    expect(repairedKeys((await run(sync)).get('public.people'))).toEqual(['extra 42']);
    expect(await scene.inDestination('SELECT __millrace_deleted_at IS NULL FROM landing.people WHERE id = 42')).toEqual(
      [[false]],
    );
  });

  it('keeps to the loss guard', async () => {
    const sync = await make([{ id: 'public.named', tracking_field: 'changed_at' }]);
    await run(sync);
    await scene.inSource(`DELETE FROM named WHERE name <> 'z'`);
    const { execution } = await scene.run(sync.id);
    expect([execution.status, execution.status_message]).toEqual(['failed', expect.stringContaining('would')]);
    expect(await scene.tables()).toEqual(['landing.named']);
    expect(
      await scene.inDestination('SELECT count(*)::int FROM landing.named WHERE __millrace_deleted_at IS NULL'),
    ).toEqual([[4]]);
  });

  it('fails where a trigger undoes the repair, and says which records', async () => {
    const sync = await make([{ id: 'public.named', tracking_field: 'changed_at' }]);
    await run(sync);
    await scene.inDestination(`
      UPDATE landing.named SET note = 'x' WHERE name = 'straße';
      CREATE FUNCTION landing.meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := ''meddled''; RETURN NEW; END';
      CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON landing.named FOR EACH ROW EXECUTE FUNCTION landing.meddle()`);
    const { execution, receipt } = await scene.run(sync.id);
    expect([execution.status, receipt?.verdict]).toEqual(['failed', 'different']);
    // What the delta has read again and found unchanged was left alone.
    expect(execution.status_message).toMatch(/differs .* after its repair: 1 with other values/);
    expect(receipt?.schemas[0]?.differing?.records.map(({ key }) => key.name)).toEqual(['straße']);
  });
});

describe('a merge of depth repair', { timeout: LIMIT_MS }, () => {
  let sync: BulkSyncBody;
  beforeEach(async () => {
    sync = await make(['public.people', 'public.notes']);
    await run(sync);
  });

  it('writes what it read, and is proved whole by that', async () => {
    await scene.inDestination(`UPDATE landing.people SET name = 'Name 777' WHERE id = 777`);
    const receipts = await run(sync);
    const people = receipts.get('public.people');
    expect([people?.load, people?.scope, people?.counts.written, people?.repaired]).toEqual([
      'merge',
      'snapshot',
      1,
      null,
    ]);
    expect(receipts.get('public.notes')?.load).toBe('replace');
  });

  it('repairs what a trigger did to its records once', async () => {
    // Only the first write of each record is altered.
    await scene.inDestination(`
      CREATE TABLE landing.seen (id bigint);
      CREATE FUNCTION landing.meddle() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NOT EXISTS (SELECT FROM landing.seen s WHERE s.id = NEW.id) THEN INSERT INTO landing.seen VALUES (NEW.id); NEW.name := ''meddled''; END IF; RETURN NEW; END';
      CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON landing.people FOR EACH ROW EXECUTE FUNCTION landing.meddle()`);
    await scene.inSource(`UPDATE people SET name = 'new name' WHERE id IN (3, 4)`);
    expect(repairedKeys((await run(sync)).get('public.people'))).toEqual(['different 3', 'different 4']);
    expect(await landedText('people', 'id, name, amount, changed_at')).toEqual(await sourceText('people'));
  });
});
