import { describe, expect, it } from 'vitest';
import type { BulkSyncRequest, ReceiptBody } from '../../src/contract/index.ts';
import { Gate } from '../setup/gate.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { type Ended, untilEnded } from '../setup/syncs.ts';

// Source and destination are compared, after somebody has changed the destination by hand.

const TABLES = `
  CREATE TABLE numbered (id bigint PRIMARY KEY, name text, amount numeric(12,2));
  INSERT INTO numbered SELECT i, 'name ' || i, i / 4.0 FROM generate_series(1, 60000) i;
  CREATE TABLE named (name text PRIMARY KEY, note text);
  INSERT INTO named VALUES ('Ärger', 'a'), ('ärger', 'b'), ('straße', ''), ('z', NULL), ('漢字', 'c'), ('a,"b', 'd');
  CREATE TABLE unique_ids (id uuid PRIMARY KEY, note text);
  INSERT INTO unique_ids SELECT md5(i::text)::uuid, 'note ' || i FROM generate_series(1, 500) i;
  CREATE TABLE places (country text, code int, label text, PRIMARY KEY (country, code));
  INSERT INTO places SELECT c, i, c || i FROM unnest(ARRAY['de', 'at']) c, generate_series(1, 20) i;
  CREATE TABLE notes (body text, at timestamptz);
  INSERT INTO notes SELECT 'note ' || i, '2024-01-01Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 50) i;
  CREATE TABLE single (id int PRIMARY KEY, note text);
  INSERT INTO single VALUES (1, 'only');
  CREATE TABLE empty (id int PRIMARY KEY, note text);`;

const ALL = ['numbered', 'named', 'unique_ids', 'places', 'notes', 'single', 'empty'].map((name) => `public.${name}`);

const server = useServer();
const scene = useSyncScene(server, TABLES);

async function verify(syncId: string, schemas?: readonly string[]): Promise<Ended> {
  const body = schemas === undefined ? {} : { schemas: [...schemas] };
  const { id } = await server.client.verifyBulkSync(syncId, body, scene.signal);
  return untilEnded(server, syncId, id, scene.signal);
}

async function load(options: Partial<BulkSyncRequest> = {}, schemas: BulkSyncRequest['schemas'] = ALL) {
  const sync = await scene.make(schemas ?? [], options);
  const { execution } = await scene.run(sync.id);
  expect([execution.status, execution.status_message]).toEqual(['completed', undefined]);
  return sync;
}

/** What was found of each schema that differs. */
function foundIn(receipt: ReceiptBody | null) {
  return Object.fromEntries(
    (receipt?.schemas ?? [])
      .filter(({ verdict }) => verdict === 'different')
      .map(({ schema, differing }) => [
        schema,
        differing?.records.map(({ kind, key }) => `${kind} ${Object.values(key).join('/')}`).sort(),
      ]),
  );
}

/** Which transaction wrote each record. */
const writersOf = (table: string) =>
  scene.inDestination(`SELECT xmin::text, ctid::text FROM landing.${table} ORDER BY 2`);

describe('between two PostgreSQL databases', { timeout: LIMIT_MS }, () => {
  it('says equal of what nobody has changed, and writes nothing', async () => {
    const sync = await load();
    const before = await writersOf('numbered');
    const { execution, receipt } = await verify(sync.id);
    expect([execution.type, execution.status, execution.status_message]).toEqual(['verify', 'completed', undefined]);
    expect([receipt?.verdict, receipt?.depth]).toEqual(['equal', 'checksums']);
    expect(receipt?.schemas.map(({ schema, load: kind, scope }) => [schema, kind, scope]).sort()).toEqual(
      ALL.map((schema) => [schema, 'none', 'snapshot']).sort(),
    );
    expect(await writersOf('numbered')).toEqual(before);
  });

  it('names every record that was changed by hand, by kind and key', async () => {
    const sync = await load();
    await scene.inDestination(`
      UPDATE landing.numbered SET name = 'Name 777' WHERE id = 777;
      DELETE FROM landing.numbered WHERE id IN (1, 59999);
      INSERT INTO landing.numbered (id, name) VALUES (60001, 'extra');
      UPDATE landing.named SET note = NULL WHERE name = 'straße';
      UPDATE landing.named SET note = '' WHERE name = 'z';
      UPDATE landing.named SET name = 'ÄRGER' WHERE name = 'Ärger';
      DELETE FROM landing.unique_ids WHERE id = md5('7')::uuid;
      UPDATE landing.places SET label = 'AT3' WHERE country = 'at' AND code = 3;
      DELETE FROM landing.single;
      INSERT INTO landing.empty (id, note) VALUES (9, 'extra')`);
    const { execution, receipt } = await verify(sync.id);
    expect([execution.status, receipt?.verdict]).toEqual(['failed', 'different']);
    const [[id]] = (await scene.inSource("SELECT md5('7')::uuid::text")) as [[string]];
    expect(foundIn(receipt)).toEqual({
      'public.numbered': ['different 777', 'extra 60001', 'missing 1', 'missing 59999'],
      'public.named': ['different straße', 'different z', 'extra ÄRGER', 'missing Ärger'],
      'public.unique_ids': [`missing ${id}`],
      'public.places': ['different 3/at'],
      'public.single': ['missing 1'],
      'public.empty': ['extra 9'],
    });
    const numbered = receipt?.schemas.find(({ schema }) => schema === 'public.numbered')?.differing;
    expect(numbered).toMatchObject({ missing: 2, extra: 1, different: 1, complete: true });
  });

  it('keeps keys to the receipt', async () => {
    const sync = await load({}, ['public.named']);
    await scene.inDestination(`DELETE FROM landing.named WHERE name = '漢字'`);
    const { execution } = await verify(sync.id);
    const log = await scene.send('GET', `/api/bulk/syncs/${sync.id}/executions/${execution.id}/logs`).catch(() => ({}));
    expect(JSON.stringify([execution, log])).not.toContain('漢字');
    expect(server.home.readLog()).not.toContain('漢字');
  });

  it('counts what differs in a table without a key', async () => {
    const sync = await load({}, ['public.notes']);
    await scene.inDestination(`
      UPDATE landing.notes SET body = 'Note 7' WHERE body = 'note 7';
      INSERT INTO landing.notes (body) VALUES ('another')`);
    const { execution, receipt } = await verify(sync.id);
    expect(receipt?.schemas[0]?.differing).toMatchObject({ missing: 1, extra: 2, different: 0, records: [] });
    expect(execution.status_message).toContain('2 in the destination only. Run the sync');
    // A difference is a result: no attempt came to nothing.
    const { parts } = await server.client.getTiming(sync.id, execution.id, scene.signal);
    expect(parts.repeated).toBe(0);
  });

  it('compares the image that a run would make: selection, filters, hashes and living records', async () => {
    const schemas = [
      {
        id: 'public.numbered',
        fields: [
          { id: 'id', enabled: true },
          { id: 'name', enabled: true, obfuscate: true },
        ],
        filters: [{ field_id: 'id', function: 'LessThan', value: 100 }],
      },
      'public.places',
    ] as NonNullable<BulkSyncRequest['schemas']>;
    const sync = await load({}, schemas);
    await scene.inSource(
      `DELETE FROM places WHERE code = 7; UPDATE numbered SET name = 'out of the image' WHERE id = 200`,
    );
    await scene.run(sync.id);
    expect((await verify(sync.id)).receipt?.verdict).toBe('equal');
    await scene.inSource(`UPDATE numbered SET name = 'within the image' WHERE id = 20`);
    // What no run has carried over yet differs.
    expect(foundIn((await verify(sync.id)).receipt)).toEqual({ 'public.numbered': ['different 20'] });
  });
});

describe('tables that Millrace has not made', { timeout: LIMIT_MS }, () => {
  it('are compared without being taken over', async () => {
    const sync = await scene.make(['public.numbered', 'public.places']);
    await scene.inDestination(`
      CREATE SCHEMA landing;
      CREATE TABLE landing.numbered (amount numeric, name varchar(50), id int, loaded_by text);
      INSERT INTO landing.numbered SELECT i / 4.0, 'name ' || i, i, 'another tool' FROM generate_series(1, 60000) i WHERE i <> 7;
      CREATE TABLE landing.places (country text, code int, label text) PARTITION BY LIST (country);
      CREATE TABLE landing.places_de PARTITION OF landing.places FOR VALUES IN ('de');
      CREATE TABLE landing.places_at PARTITION OF landing.places FOR VALUES IN ('at');
      INSERT INTO landing.places SELECT c, i, c || i FROM unnest(ARRAY['de', 'at']) c, generate_series(1, 20) i`);
    const { receipt } = await verify(sync.id);
    expect(foundIn(receipt)).toEqual({ 'public.numbered': ['missing 7'] });
    const notes = receipt?.schemas.find(({ schema }) => schema === 'public.numbered')?.notes.join('\n');
    expect(notes).toContain('Column name is character varying(50) in the destination, and was compared as text.');
    expect(await scene.inDestination(`SELECT count(*)::int FROM pg_namespace WHERE nspname = '__millrace'`)).toEqual([
      [0],
    ]);
  });

  it('are refused with a reason where they have nothing to compare with', async () => {
    const sync = await scene.make(['public.numbered', 'public.places', 'public.single']);
    await scene.inDestination(`
      CREATE SCHEMA landing;
      CREATE TABLE landing.numbered (id bigint, name text, amount numeric);
      INSERT INTO landing.numbered VALUES (1, 'name 1', 0.256);
      CREATE TABLE landing.places (country text, code int)`);
    const { execution } = await verify(sync.id);
    const said = new Map(execution.schemas.map(({ schema, status_message }) => [schema, status_message]));
    expect(said.get('public.numbered')).toContain('cannot hold, in amount');
    expect(said.get('public.places')).toContain('has no column label');
    expect(said.get('public.single')).toContain('does not exist in the destination');
    expect(execution.status).toBe('failed');
  });
});

it('can be cancelled', { timeout: LIMIT_MS }, async () => {
  await scene.inSource(`ALTER TABLE numbered ADD COLUMN padding text DEFAULT repeat('x', 150)`);
  const gate = await Gate.open(scene.source.ownerUrl);
  try {
    const held = await scene.make(['public.numbered'], {}, { source: gate.through(scene.source.ownerUrl) });
    gate.holdEach(2_000_000);
    const { id } = await server.client.verifyBulkSync(held.id, {}, scene.signal);
    await waitFor(async () => {
      const { schemas } = await server.client.getProgress(held.id, id, scene.signal);
      return schemas[0]?.phase === 'reading' ? true : null;
    }, scene.signal);
    await server.client.cancelBulkSync(held.id, scene.signal);
    const { execution } = await untilEnded(server, held.id, id, scene.signal);
    expect(execution.status).toBe('canceled');
  } finally {
    await gate[Symbol.asyncDispose]();
  }
});
