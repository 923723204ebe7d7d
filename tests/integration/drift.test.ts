import { describe, expect, it } from 'vitest';
import type { DriftEventBody } from '../../src/contract/index.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';

// A source that changes between two executions: what the second one does with the table, and what it says about it.

const PEOPLE = 'public.people';
const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name varchar(20), city text, changed timestamptz NOT NULL DEFAULT now());
  INSERT INTO people SELECT i, 'p' || i, 'c' || i FROM generate_series(1, 10) i;
  CREATE TABLE notes (body text);
  INSERT INTO notes VALUES ('one');`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

interface DriftPage {
  readonly data: readonly DriftEventBody[];
  readonly pagination: { readonly next_page_token?: string };
}

const getDrift = (path: string): Promise<DriftPage> => scene.send('GET', `/api/x/bulk/syncs/${path}`);

/** One execution, what it met, and how its schemas ended. */
async function runAndTell(syncId: string) {
  const { execution, receipt } = await scene.run(syncId);
  const { data: drift } = await getDrift(`${syncId}/executions/${execution.id}/drift`);
  return {
    execution,
    verdict: receipt?.verdict,
    drift: drift.map(({ kind, schema, field, before, after }) => ({ kind, schema, field, before, after })),
    events: drift,
    loads: (receipt?.schemas ?? []).map(({ load }) => load),
  };
}

const image = (columns: string) => `SELECT ${columns} FROM people ORDER BY id`;
const landed = (columns: string) =>
  `SELECT ${columns} FROM landing.people WHERE __millrace_deleted_at IS NULL ORDER BY id`;
const PEOPLE_OF = { schema: PEOPLE };

describe('fields that changed in the source', () => {
  it('change in the table with their old records, and are reported with before and after', async () => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed' }]);
    expect((await runAndTell(sync.id)).drift).toEqual([]);
    await scene.inSource(`DELETE FROM people WHERE id = 1;
      ALTER TABLE people ALTER id TYPE bigint, ALTER name TYPE varchar(10), ADD COLUMN age int DEFAULT 7, DROP COLUMN city`);
    const second = await runAndTell(sync.id);
    expect(second).toMatchObject({ execution: { status: 'completed' }, verdict: 'equal', loads: ['merge'] });
    expect(second.drift).toEqual([
      { ...PEOPLE_OF, kind: 'type_widened', field: 'id', before: 'integer', after: 'bigint' },
      {
        ...PEOPLE_OF,
        kind: 'type_narrowed',
        field: 'name',
        before: 'character varying(20)',
        after: 'character varying(10)',
      },
      { ...PEOPLE_OF, kind: 'field_added', field: 'age', before: null, after: 'integer' },
      { ...PEOPLE_OF, kind: 'field_dropped', field: 'city', before: 'text', after: null },
    ]);
    expect(second.events.at(-1)).toMatchObject({
      needs_attention: true,
      schema_status: 'completed',
      outcome: expect.stringContaining('old records keep their values'),
    });
    expect(await scene.inDestination(landed('id, name, age'))).toEqual(await scene.inSource(image('id, name, age')));
    expect(await scene.inDestination('SELECT city FROM landing.people WHERE id IN (1, 2) ORDER BY id')).toEqual([
      ['c1'],
      ['c2'],
    ]);
    const third = await runAndTell(sync.id);
    expect([third.drift, third.loads]).toEqual([[], ['delta']]);
  });

  it('are told as renamed where the source says so', async () => {
    const sync = await scene.make([PEOPLE]);
    await runAndTell(sync.id);
    await scene.inSource('ALTER TABLE people RENAME city TO town');
    const { drift, execution } = await runAndTell(sync.id);
    expect(execution.status).toBe('completed');
    expect(drift).toEqual([{ ...PEOPLE_OF, kind: 'field_renamed', field: 'town', before: 'city', after: 'town' }]);
    expect(await scene.inDestination(landed('town, city'))).toEqual(
      await scene.inSource(image('city, city').replaceAll('city', 'town')),
    );
  });

  it('fail the schema with every execution while one that was selected is gone, and stop when it is deselected', async () => {
    const field = (id: string) => ({ id, enabled: true });
    const sync = await scene.make([{ id: PEOPLE, fields: [field('id'), field('city')] }]);
    await runAndTell(sync.id);
    await scene.inSource('ALTER TABLE people DROP COLUMN city');
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { execution, events } = await runAndTell(sync.id);
      expect(execution.status).toBe('failed');
      expect(events).toMatchObject([{ kind: 'field_dropped', field: 'city', schema_status: 'failed' }]);
    }
    expect(await scene.inDestination('SELECT count(city)::int FROM landing.people')).toEqual([[10]]);
    await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
      schemas: [{ id: PEOPLE, fields: [field('id'), { id: 'city', enabled: false }] }],
    });
    expect((await runAndTell(sync.id)).execution.status).toBe('completed');
    expect((await runAndTell(sync.id)).drift).toEqual([]);
  });
});

describe('a key that changed in the source', () => {
  it('becomes the table’s, and records that the old one would have refused land', async () => {
    const sync = await scene.make([PEOPLE]);
    await runAndTell(sync.id);
    await scene.inSource(`ALTER TABLE people DROP CONSTRAINT people_pkey, ADD PRIMARY KEY (id, name);
      INSERT INTO people VALUES (2, 'second', 'x')`);
    const { drift, loads, verdict } = await runAndTell(sync.id);
    expect(drift).toEqual([{ ...PEOPLE_OF, kind: 'key_changed', field: null, before: 'id', after: 'id, name' }]);
    expect([loads, verdict]).toEqual([['replace'], 'equal']);
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.people')).toEqual([[11]]);
    expect((await runAndTell(sync.id)).loads).toEqual(['merge']);
  });
});

describe('a key that the source lost', () => {
  it('makes the table be replaced with each execution, and says so', async () => {
    const sync = await scene.make([PEOPLE]);
    await runAndTell(sync.id);
    await scene.inSource(
      'ALTER TABLE people DROP CONSTRAINT people_pkey; INSERT INTO people (id, name) VALUES (2, $$again$$)',
    );
    const { events, loads, verdict } = await runAndTell(sync.id);
    expect(events).toMatchObject([
      { kind: 'key_changed', before: 'id', after: null, outcome: expect.stringContaining('no longer kept') },
    ]);
    expect([loads, verdict]).toEqual([['replace'], 'equal']);
    expect((await runAndTell(sync.id)).drift).toEqual([]);
  });
});

describe('tables that came or went', () => {
  it('are reported once when the sync does not select them', async () => {
    const sync = await scene.make([PEOPLE]);
    expect((await runAndTell(sync.id)).drift).toEqual([]);
    await scene.inSource('CREATE TABLE cities (id int PRIMARY KEY); DROP TABLE notes');
    expect((await runAndTell(sync.id)).drift).toEqual([
      { kind: 'schema_added', schema: 'public.cities', field: null, before: null, after: 'public.cities' },
      { kind: 'schema_dropped', schema: 'public.notes', field: null, before: 'public.notes', after: null },
    ]);
    expect((await runAndTell(sync.id)).drift).toEqual([]);
  });

  it('fail alone when they are selected, and the others go on', async () => {
    const sync = await scene.make([PEOPLE, 'public.notes']);
    await runAndTell(sync.id);
    await scene.inSource('DROP TABLE notes');
    const { execution, events } = await runAndTell(sync.id);
    expect(execution.status).toBe('errors');
    expect(events).toMatchObject([{ kind: 'schema_dropped', schema_status: 'failed', needs_attention: true }]);
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.notes')).toEqual([[1]]);
    await scene.inSource('CREATE TABLE notes (body text)');
    expect((await runAndTell(sync.id)).drift).toEqual([]);
  });
});

describe('the list of a sync', () => {
  it('has the newest first, in pages, and nothing of another sync', async () => {
    const sync = await scene.make([PEOPLE]);
    await runAndTell(sync.id);
    await scene.inSource('ALTER TABLE people ADD COLUMN first int');
    await runAndTell(sync.id);
    await scene.inSource('ALTER TABLE people ADD COLUMN second int');
    await runAndTell(sync.id);
    const page = await getDrift(`${sync.id}/drift?limit=1`);
    expect(page.data).toMatchObject([{ field: 'second' }]);
    const next = await getDrift(`${sync.id}/drift?limit=1&page_token=${page.pagination.next_page_token}`);
    expect(next.data).toMatchObject([{ field: 'first' }]);
    expect(next.pagination).toEqual({});
    const other = await scene.make(['public.notes']);
    expect((await getDrift(`${other.id}/drift`)).data).toEqual([]);
  });
});
