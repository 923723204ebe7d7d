import { describe, expect, it } from 'vitest';
import type { BulkSyncBody, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import type { SyncScene } from '../setup/sync-scene.ts';
import { untilEnded } from '../setup/syncs.ts';

// Which records, fields and tables a sync takes along, from the API to the records in the destination.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, changed_at timestamptz, payload jsonb,
    loud text GENERATED ALWAYS AS (upper(name)) STORED);
  INSERT INTO people SELECT i, 'p' || i, '2024-01-01Z'::timestamptz + i * interval '1 day', jsonb_build_object('a', jsonb_build_object('b', i)) FROM generate_series(1, 10) i;
  CREATE TABLE notes (body text);
  INSERT INTO notes VALUES ('one'), ('two');`;

const PEOPLE = 'public.people';

const server = useServer();
const scene = useSyncScene(server, SOURCE);

/** Runs to the end, which must be a good one, and answers receipt and loads. */
async function runWell(...[syncId, start]: Parameters<SyncScene['run']>) {
  const { execution, receipt } = await scene.run(syncId, start);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  const schemas = receipt?.schemas ?? [];
  return {
    loads: Object.fromEntries(schemas.map(({ schema, load }) => [schema, load])),
    notes: schemas.flatMap(({ notes }) => notes).join('\n'),
    conversions: schemas.flatMap(({ conversions }) => conversions),
  };
}

const idsOf = async (table: string) =>
  (await scene.inDestination(`SELECT id FROM ${table} WHERE __millrace_deleted_at IS NULL ORDER BY id`)).flat();

const columnsOf = async (table: string) => {
  const rows = await scene.inDestination(
    `SELECT attname FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND attname !~ '^__' ORDER BY attname`,
  );
  return rows.flat();
};

describe('filters', () => {
  it('leave records out of the image, and the receipt says so', async () => {
    const filters = [
      { field_id: 'id', function: 'GreaterThan' as const, value: 3 },
      { field_id: 'name', function: 'StringOneOf' as const, value: ['p2', 'p4', 'p10'] },
    ];
    const sync = await scene.make([{ id: PEOPLE, filters }]);
    const { notes } = await runWell(sync.id);
    expect(await idsOf('landing.people')).toEqual([4, 10]);
    expect(notes).toContain(
      'Filtered image: only records with id GreaterThan 3 and name StringOneOf ["p2","p4","p10"]',
    );
  });

  it('that are relative to now do not make every read complete, others that change do', async () => {
    const recent = { field_id: 'changed_at', function: 'RelativeOnOrAfter' as const, value: '100 years ago' };
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at', filters: [recent] }]);
    expect((await runWell(sync.id)).loads).toEqual({ [PEOPLE]: 'replace' });
    const delta = await runWell(sync.id);
    expect(delta.loads).toEqual({ [PEOPLE]: 'delta' });
    expect(delta.notes).toMatch(/changed_at OnOrAfter "1\d\d\d-.*Z"/);
    const other = { field_id: 'id', function: 'LessThan', value: 8 };
    await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
      schemas: [{ id: PEOPLE, enabled: true, tracking_field: 'changed_at', filters: [recent, other] }],
    });
    expect((await runWell(sync.id, {})).loads).toEqual({ [PEOPLE]: 'merge' });
    expect(await idsOf('landing.people')).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('data cutoffs', () => {
  const cutoff = '2024-01-08T00:00:00Z';

  it('of a schema leave out what its tracking field shows to be older', async () => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at', data_cutoff_timestamp: cutoff }]);
    await scene.inSource(`INSERT INTO people (id, changed_at) VALUES (99, NULL)`);
    await runWell(sync.id);
    expect(await idsOf('landing.people')).toEqual([7, 8, 9, 10]);
    expect((await runWell(sync.id)).loads).toEqual({ [PEOPLE]: 'delta' });
  });

  it('of the sync do so for every schema with a tracking field, and are declared for others', async () => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at' }, 'public.notes'], {
      data_cutoff_timestamp: cutoff,
    });
    const { notes } = await runWell(sync.id);
    expect(await idsOf('landing.people')).toEqual([7, 8, 9, 10]);
    expect(notes).toContain("The sync's data cutoff (2024-01-08T00:00:00.000Z) leaves nothing out here");
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.notes')).toEqual([[2]]);
  });

  it('can be switched off for one schema', async () => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at', disable_data_cutoff: true }], {
      data_cutoff_timestamp: cutoff,
    });
    await runWell(sync.id);
    expect(await idsOf('landing.people')).toHaveLength(10);
  });
});

describe('new fields', () => {
  const FIRST = ['changed_at', 'id', 'loud', 'name', 'payload'];

  it.each([
    ['all', [...FIRST, 'added', 'computed']],
    ['onlyIncremental', [...FIRST, 'added']],
    ['onlyNonIncremental', [...FIRST, 'computed']],
    ['none', FIRST],
  ] as const)('are taken along by automatically_add_new_fields: %s', async (rule, expected) => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at' }], {
      automatically_add_new_fields: rule,
    });
    await runWell(sync.id);
    await scene.inSource(
      `ALTER TABLE people ADD added int DEFAULT 7, ADD computed int GENERATED ALWAYS AS (id * 2) STORED`,
    );
    await runWell(sync.id);
    expect(await columnsOf('landing.people')).toEqual([...expected].sort());
    // By the rule of another day they would be chosen otherwise.
    await runWell(sync.id);
    expect(await columnsOf('landing.people')).toEqual([...expected].sort());
  });
});

describe('new tables', () => {
  it.each([
    ['all', ['landing.new_plain', 'landing.new_tracked', 'landing.people']],
    ['onlyIncremental', ['landing.new_tracked', 'landing.people']],
    ['onlyNonIncremental', ['landing.new_plain', 'landing.people']],
    ['none', ['landing.people']],
  ] as const)('are taken along by automatically_add_new_objects: %s', async (rule, expected) => {
    const sync = await scene.make([PEOPLE], { automatically_add_new_objects: rule });
    await runWell(sync.id);
    await scene.inSource(`CREATE TABLE new_tracked (at timestamptz); CREATE TABLE new_plain (body text)`);
    await runWell(sync.id);
    expect(await scene.tables()).toEqual(expected);
    // What was left out when the sync was made stays out.
    expect(await scene.tables()).not.toContain('landing.notes');
    await runWell(sync.id);
  });

  it('take no name away from a table that is there', async () => {
    const sync = await scene.make([PEOPLE], { automatically_add_new_objects: 'all' });
    await runWell(sync.id);
    await scene.inSource('CREATE SCHEMA app; CREATE TABLE app.people (id int PRIMARY KEY)');
    await runWell(sync.id);
    expect(await scene.tables()).toEqual(['landing.people', 'landing.people_']);
    expect(await idsOf('landing.people')).toHaveLength(10);
  });

  it('are only named by a test', async () => {
    const sync = await scene.make([PEOPLE], { automatically_add_new_objects: 'all' });
    await scene.inSource('CREATE TABLE later (id int PRIMARY KEY)');
    const { execution } = await scene.run(sync.id, { test: true });
    expect(execution.schemas.find(({ schema }) => schema === 'public.later')?.status_message).toMatch(
      /^Would be added/,
    );
    expect((await scene.run(sync.id, { schemas: [PEOPLE] })).execution.schemas).toHaveLength(1);
  });
});

describe('chosen names', () => {
  it('win over every rule, and a new one means a new table', async () => {
    const sync = await scene.make([PEOPLE], {
      destination_configuration: { schema: 'landing', advanced: { table_prefix: 'raw_' } },
    });
    await runWell(sync.id);
    await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
      schemas: [
        {
          id: PEOPLE,
          enabled: true,
          user_output_name: 'My People',
          fields: [{ id: 'id' }, { id: 'name', user_output_name: 'Called' }],
        },
      ],
    });
    await runWell(sync.id);
    expect(await scene.tables()).toEqual(['landing.My People', 'landing.raw_people']);
    expect(await columnsOf('landing."My People"')).toEqual(['Called', 'id']);
  });
});

/** Declares a key over what the source's catalogue says. */
const declareKey = (sync: BulkSyncBody, schema: string, field: string) =>
  scene.send('PUT', `/api/connections/${sync.source_connection_id}/schemas/${schema}/primary_keys`, {
    fields: [{ field_id: field, is_primary_key: true }],
  });

const inMetadata = (sql: string) => queryDatabase(server.metadata.url, sql);

describe('fields that users added', () => {
  const addFields = (sync: BulkSyncBody) =>
    scene.send('POST', `/api/connections/${sync.source_connection_id}/schemas/${PEOPLE}/fields`, {
      fields: [
        { field_id: 'b', label: 'B', type: 'number', path: '$.payload.a.b' },
        { field_id: 'whole', label: 'Whole', type: 'object', path: '$.payload.a' },
        { field_id: 'odd', label: 'Odd', type: 'string', path: `$.payload["it's"]['"quoted"']` },
      ],
    });

  it('are read from inside the JSON, declared, and can be filtered by', async () => {
    const sync = await scene.make([PEOPLE]);
    await addFields(sync);
    await scene.inSource(`UPDATE people SET payload = '{"it''s": {"\\"quoted\\"": "here"}}' WHERE id = 1;
      UPDATE people SET payload = '{"a": null}' WHERE id = 2; UPDATE people SET payload = NULL WHERE id = 3`);
    const { conversions } = await runWell(sync.id);
    expect(conversions).toContain('b: payload.a.b as numeric');
    expect(
      await scene.inDestination('SELECT id, b::text, whole::text, odd FROM landing.people WHERE id <= 4 ORDER BY id'),
    ).toEqual([
      [1, null, null, 'here'],
      [2, null, null, null],
      [3, null, null, null],
      [4, '4', '{"b": 4}', null],
    ]);
    await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
      schemas: [{ id: PEOPLE, filters: [{ field_id: 'b', function: 'GreaterThan', value: 5 }] }],
    });
    await runWell(sync.id);
    expect(await idsOf('landing.people')).toEqual([6, 7, 8, 9, 10]);
  });

  it('whose value does not fit their type fail the schema, and the old records stay', async () => {
    const sync = await scene.make([PEOPLE]);
    await addFields(sync);
    await runWell(sync.id);
    await scene.inSource(`UPDATE people SET payload = '{"a": {"b": "seven"}}' WHERE id = 7`);
    const { execution } = await scene.run(sync.id);
    expect([execution.status, execution.status_message]).toEqual(['failed', expect.stringContaining('22P02')]);
    expect(execution.status_message).not.toContain('seven');
    expect(await scene.inDestination('SELECT b::text FROM landing.people WHERE id = 7')).toEqual([['7']]);
  });
});

describe('keys that users declared', () => {
  it('make a table without one mergeable', async () => {
    await scene.inSource(`ALTER TABLE people DROP CONSTRAINT people_pkey`);
    const sync = await scene.make([PEOPLE]);
    await declareKey(sync, PEOPLE, 'name');
    expect((await runWell(sync.id)).loads).toEqual({ [PEOPLE]: 'replace' });
    await scene.inSource(`DELETE FROM people WHERE id = 1; UPDATE people SET id = 20 WHERE id = 2`);
    expect((await runWell(sync.id)).loads).toEqual({ [PEOPLE]: 'merge' });
    const marked = 'SELECT name FROM landing.people WHERE __millrace_deleted_at IS NOT NULL';
    expect(await scene.inDestination(marked)).toEqual([['p1']]);
  });

  it.each([
    ['two records have one', `UPDATE people SET name = 'p1' WHERE id = 2`],
    ['a record has none', `UPDATE people SET name = NULL WHERE id = 2`],
  ])('fail the schema where %s, and the old records stay', async (_, change) => {
    await scene.inSource(`ALTER TABLE people DROP CONSTRAINT people_pkey`);
    const sync = await scene.make([PEOPLE]);
    await declareKey(sync, PEOPLE, 'name');
    await runWell(sync.id);
    await scene.inSource(change);
    for (const start of [{}, { resync_mode: 'resync' as const }]) {
      const { execution } = await scene.run(sync.id, start);
      expect([execution.status, execution.status_message]).toEqual([
        'failed',
        expect.stringContaining('its declared key (name) does not tell apart'),
      ]);
    }
    const records =
      'SELECT count(*)::int, count(DISTINCT name)::int FROM landing.people WHERE __millrace_deleted_at IS NULL';
    expect(await scene.inDestination(records)).toEqual([[10, 10]]);
  });

  it('leave no record out of a table that is read in parts', async () => {
    await scene.inSource(
      `CREATE TABLE wide (id int, body text STORAGE EXTERNAL);
       INSERT INTO wide SELECT nullif(i, 7), repeat(md5(i::text), 60) FROM generate_series(1, 72000) i; ANALYZE wide`,
    );
    const sync = await scene.make(['public.wide']);
    await declareKey(sync, 'public.wide', 'id');
    // The key is refused for its NULL, not overlooked: a range of the key would not hold it.
    const { execution } = await scene.run(sync.id);
    expect(execution.status).toBe('failed');
    const parts = await inMetadata(
      `SELECT DISTINCT range->'value'->>'kind' FROM segments WHERE execution_id = '${execution.id}' AND kind = 'read'`,
    );
    expect(parts).toEqual([['blocks']]);
  });
});

describe('limits of concurrency', () => {
  const LARGE = ['large_1', 'large_2', 'large_3', 'large_4'];
  const IN_THE_MIDDLE = 500_000;
  const countReads = async (id: string) => {
    const [row] = await inMetadata(
      `SELECT count(*)::int FROM segments WHERE execution_id = '${id}' AND kind = 'read' AND state = 'owned'`,
    );
    return row?.[0];
  };

  it('bound the lanes of an execution, and those of a resync apart', async () => {
    for (const table of LARGE)
      await scene.inSource(
        `CREATE TABLE ${table} (id int PRIMARY KEY, body text STORAGE EXTERNAL);
         INSERT INTO ${table} SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 400) i; ANALYZE ${table}`,
      );
    await using gate = await Gate.open(scene.source.ownerUrl);
    const start = async (limit: number, ofResync: number, way: NonNullable<StartBulkSyncRequest>) => {
      const schemas = LARGE.map((table) => `public.${table}`);
      const options = {
        concurrency_limit: limit,
        resync_concurrency_limit: ofResync,
        destination_configuration: { schema: `limit ${limit} ${ofResync}` },
      };
      const sync = await scene.make(schemas, options, { source: gate.through(scene.source.ownerUrl) });
      return { syncId: sync.id, ...(await server.client.startBulkSync(sync.id, way, scene.signal)) };
    };
    const untilReading = ({ id }: { readonly id: string }, count: number) =>
      waitFor(async () => (Number(await countReads(id)) >= count ? true : null), scene.signal);
    gate.holdEach(IN_THE_MIDDLE);
    const alone = await start(1, 8, {});
    const resync = await start(8, 1, { resync_mode: 'resync' });
    await untilReading(alone, 1);
    await untilReading(resync, 1);
    // When these stand still, too, lanes that the others should not have would have taken something.
    const several = await start(3, 1, {});
    await untilReading(several, 3);
    const executions = [alone, resync, several];
    expect(await Promise.all(executions.map(({ id }) => countReads(id)))).toEqual([1, 1, 3]);
    gate.release();
    for (const { syncId, id } of executions)
      expect((await untilEnded(server, syncId, id, scene.signal)).receipt?.verdict).toBe('equal');
  });
});
