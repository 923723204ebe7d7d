import { describe, expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest } from '../../src/contract/index.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import type { SyncScene } from '../setup/sync-scene.ts';
import { untilFresh } from '../setup/syncs.ts';

// What each option of a sync and of a start does, from the API to the records in the destination.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, "Full Name" text, address2 text, changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'p' || i, 'a' || i, '2024-01-01Z'::timestamptz + i * interval '1 day' FROM generate_series(1, 10) i;
  CREATE TABLE notes (body text);
  INSERT INTO notes VALUES ('one'), ('two');
  CREATE SCHEMA "Sales";
  CREATE TABLE "Sales".people (id int PRIMARY KEY);
  INSERT INTO "Sales".people VALUES (1);`;

const PEOPLE = 'public.people';

const server = useServer();
const scene = useSyncScene(server, SOURCE);

/** What became of each schema, and of the whole. */
async function runAndTell(...[syncId, start]: Parameters<SyncScene['run']>) {
  const { execution, receipt } = await scene.run(syncId, start);
  return {
    status: execution.status,
    verdict: receipt?.verdict ?? null,
    loads: Object.fromEntries((receipt?.schemas ?? []).map(({ schema, load }) => [schema, load])),
    execution,
    receipt,
  };
}

const COMPLETE = { status: 'completed', verdict: 'equal' };

describe('names', () => {
  const columnsOf = async (table: string) => {
    const rows = await scene.inDestination(
      `SELECT attname FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND attname !~ '^__' ORDER BY attnum`,
    );
    return rows.flat();
  };

  it.each([
    ['enabled', ['id', 'full_name', 'address_2', 'changed_at']],
    ['legacy', ['id', 'full_name', 'address2', 'changed_at']],
    ['disabled', ['id', 'Full Name', 'address2', 'changed_at']],
  ] as const)('follow normalize_names: %s', async (rule, columns) => {
    const sync = await scene.make([PEOPLE], { normalize_names: rule });
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    expect(await columnsOf('landing.people')).toEqual(columns);
  });

  it('carry the table prefix', async () => {
    const sync = await scene.make([PEOPLE, 'public.notes'], {
      destination_configuration: { schema: 'landing', advanced: { table_prefix: 'Raw_' } },
    });
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    expect(await scene.tables()).toEqual(['landing.Raw_notes', 'landing.Raw_people']);
  });

  it('keep the source’s schemas with mirror_schemas', async () => {
    const sync = await scene.make([PEOPLE, 'Sales.people'], {
      destination_configuration: { schema: 'landing', mirror_schemas: true },
    });
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    expect(await scene.tables()).toEqual(['Sales.people', 'public.people']);
  });

  it('do not depend on which schemas a start names', async () => {
    const sync = await scene.make([PEOPLE, 'Sales.people']);
    expect(await runAndTell(sync.id, { schemas: [PEOPLE] })).toMatchObject(COMPLETE);
    expect(await scene.tables()).toEqual(['landing.people_']);
  });

  it('of tables stay when one that has the same name is disabled, enabled again, or lost', async () => {
    const sync = await scene.make([PEOPLE, 'Sales.people']);
    const own = async () => (await scene.inDestination('SELECT count(*)::int FROM landing.people_'))[0];
    const sales = `/api/bulk/syncs/${sync.id}/schemas/Sales.people`;
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    await scene.send('PUT', sales, { enabled: false });
    expect(await runAndTell(sync.id)).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: 'merge' } });
    expect(await own()).toEqual([10]);
    await scene.send('PUT', sales, { enabled: true });
    expect(await runAndTell(sync.id)).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: 'merge' } });
    const { data } = await scene.send('GET', `/api/bulk/syncs/${sync.id}/schemas`);
    const names = data.map((schema: { id: string; output_name: string }) => [schema.id, schema.output_name]);
    expect(Object.fromEntries(names)).toMatchObject({ [PEOPLE]: 'people_', 'Sales.people': 'people' });
    await scene.inSource('DROP TABLE "Sales".people; DELETE FROM people WHERE id = 1');
    expect((await runAndTell(sync.id)).status).toBe('errors');
    expect(await own()).toEqual([10]);
    expect(await scene.tables()).toEqual(['landing.people', 'landing.people_']);
  });

  it('of columns stay when one that has the same name leaves the source', async () => {
    await scene.inSource(`ALTER TABLE people ADD full_name text; UPDATE people SET full_name = 'second'`);
    const sync = await scene.make([PEOPLE]);
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    const columns = ['id', 'full_name', 'address_2', 'changed_at', 'full_name_'];
    expect(await columnsOf('landing.people')).toEqual(columns);
    await scene.inSource(`ALTER TABLE people DROP "Full Name"; UPDATE people SET full_name = 'third'`);
    expect(await runAndTell(sync.id)).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: 'merge' } });
    expect(await columnsOf('landing.people')).toEqual(columns);
    expect(await scene.inDestination('SELECT DISTINCT full_name_ FROM landing.people')).toEqual([['third']]);
    expect(await scene.inDestination('SELECT full_name FROM landing.people WHERE id = 1')).toEqual([['p1']]);
    await scene.send('POST', `/api/connections/${sync.source_connection_id}/schemas/refresh`);
    await untilFresh(server, sync.source_connection_id, scene.signal);
    const { data } = await scene.send('GET', `/api/bulk/syncs/${sync.id}/schemas/${PEOPLE}`);
    expect(data.fields).toContainEqual(expect.objectContaining({ id: 'full_name', output_name: 'full_name_' }));
  });
});

describe('a start', () => {
  it('runs only the schemas that it names', async () => {
    const sync = await scene.make([PEOPLE, 'public.notes']);
    const { execution, loads, ...ended } = await runAndTell(sync.id, { schemas: ['public.notes'] });
    expect(ended).toMatchObject(COMPLETE);
    expect([execution.is_partial, Object.keys(loads)]).toEqual([true, ['public.notes']]);
    expect(await scene.tables()).toEqual(['landing.notes']);
  });

  it.each([
    ['public.gone', 'no schema of this sync'],
    ['public.notes', 'not enabled'],
  ])('refuses to run %s', async (schema, reason) => {
    const sync = await scene.make([PEOPLE]);
    await expect(scene.run(sync.id, { schemas: [schema] })).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(reason),
    });
  });

  it('reads everything with fetch_mode full, and skips schemas without a tracking field with incremental', async () => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at' }, 'public.notes']);
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    const incremental = await runAndTell(sync.id, { fetch_mode: 'incremental' });
    expect(incremental).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: 'delta' } });
    expect(incremental.execution.schemas.find(({ schema }) => schema === 'public.notes')).toMatchObject({
      status: 'completed',
      status_message: expect.stringMatching(/^Skipped: it has no tracking field/),
      record_count: 0,
    });
    expect(await runAndTell(sync.id)).toMatchObject({ loads: { [PEOPLE]: 'delta' } });
    expect(await runAndTell(sync.id, { fetch_mode: 'full' })).toMatchObject({
      ...COMPLETE,
      loads: { [PEOPLE]: 'merge' },
    });
  });

  it.each([
    ['in mode snapshot', { mode: 'snapshot' }, undefined, 'the mode snapshot replaces all its records'],
    ['without its key', {}, ['Full Name', 'changed_at'], 'without a key all its records are replaced'],
  ] as const)('skips with fetch_mode incremental what is replaced each time: %s', async (_, options, fields, why) => {
    const schema = {
      id: PEOPLE,
      tracking_field: 'changed_at',
      ...(fields === undefined ? {} : { fields: [...fields] }),
    };
    const sync = await scene.make([schema], options);
    expect(await runAndTell(sync.id)).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: 'replace' } });
    await scene.inSource('DELETE FROM people WHERE id > 3');
    const incremental = await runAndTell(sync.id, { fetch_mode: 'incremental' });
    expect(incremental).toMatchObject({ status: 'completed', loads: {} });
    expect(incremental.execution.schemas).toMatchObject([
      { status: 'completed', status_message: expect.stringContaining(why) },
    ]);
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.people')).toEqual([[10]]);
  });

  it('reads a table whole with fetch_mode incremental while there is no cursor for it', async () => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at' }]);
    expect(await runAndTell(sync.id, { fetch_mode: 'incremental' })).toMatchObject({
      ...COMPLETE,
      loads: { [PEOPLE]: 'replace' },
    });
  });

  it('as a test plans everything, writes nothing and proves nothing', async () => {
    const sync = await scene.make([PEOPLE, 'public.notes']);
    const { execution, receipt, status } = await runAndTell(sync.id, { test: true });
    expect([status, receipt, execution.is_test, execution.record_count]).toEqual(['completed', null, true, 0]);
    expect(execution.status_message).toMatch(/^Test: nothing was written/);
    expect(execution.schemas.find(({ schema }) => schema === PEOPLE)).toMatchObject({
      status: 'completed',
      output_name: 'people',
      status_message: expect.stringMatching(/^Would be loaded into landing\.people as replace: first load/),
    });
    const schemas = await scene.inDestination(`SELECT FROM pg_namespace WHERE nspname IN ('landing', '__millrace')`);
    expect(schemas).toEqual([]);
  });

  it('as a test says what cannot be loaded', async () => {
    const sync = await scene.make([PEOPLE, 'public.notes']);
    await scene.inDestination('CREATE SCHEMA landing; CREATE TABLE landing.notes (body text)');
    const { execution, status } = await runAndTell(sync.id, { test: true });
    expect([status, execution.is_test]).toEqual(['errors', true]);
    expect(execution.status_message).toMatch(/1 of 2 schemas cannot be loaded: public\.notes: .*adopt/s);
  });
});

describe('resync modes', () => {
  const identity = async () => {
    const rows = await scene.inDestination(`SELECT 'landing.people'::regclass::oid`);
    return rows[0]?.[0];
  };

  it.each([
    ['refetch', 'retain', 'merge'],
    ['resync', 'truncate', 'replace'],
    ['rebuild', 'rebuild', 'replace'],
  ] as const)('%s repairs what was changed in the destination', async (mode, disposition, load) => {
    const sync = await scene.make([{ id: PEOPLE, tracking_field: 'changed_at' }]);
    await runAndTell(sync.id);
    const before = await identity();
    await scene.inDestination(`UPDATE landing.people SET full_name = 'altered' WHERE id = 3`);
    const { execution, ...ended } = await runAndTell(sync.id, { resync_mode: mode });
    expect(ended).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: load } });
    expect(execution).toMatchObject({ is_resync: true, output_disposition: disposition });
    expect(await scene.inDestination(`SELECT count(*)::int FROM landing.people WHERE full_name = 'altered'`)).toEqual([
      [0],
    ]);
    expect((await identity()) === before).toBe(mode !== 'rebuild');
    expect(await runAndTell(sync.id)).toMatchObject({ loads: { [PEOPLE]: 'delta' } });
  });

  it('do not go together with incremental fetching', async () => {
    const sync = await scene.make([PEOPLE]);
    await expect(scene.run(sync.id, { resync_mode: 'resync', fetch_mode: 'incremental' })).rejects.toMatchObject({
      status: 422,
    });
  });
});

describe('truncate_existing', () => {
  it('keeps the table and the views on it when records without a key are replaced', async () => {
    const sync = await scene.make(['public.notes'], {
      destination_configuration: { schema: 'landing', advanced: { truncate_existing: true } },
    });
    await runAndTell(sync.id);
    const [before] = await scene.inDestination(`SELECT 'landing.notes'::regclass::oid`);
    await scene.inSource(`INSERT INTO notes VALUES ('three')`);
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    expect(await scene.inDestination(`SELECT 'landing.notes'::regclass::oid`)).toEqual([before]);
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.notes')).toEqual([[3]]);
  });
});

describe('hard_deletes', () => {
  const hard = { destination_configuration: { schema: 'landing', advanced: { hard_deletes: true } } };

  it('removes records that left the source', async () => {
    const sync = await scene.make([PEOPLE], hard);
    await runAndTell(sync.id);
    await scene.inSource('DELETE FROM people WHERE id <= 2');
    expect(await runAndTell(sync.id)).toMatchObject({ ...COMPLETE, loads: { [PEOPLE]: 'merge' } });
    expect(await scene.inDestination('SELECT min(id), count(*)::int FROM landing.people')).toEqual([[3, 8]]);
  });

  it('removes records that were only marked before, and they are no loss', async () => {
    const sync = await scene.make([PEOPLE]);
    await runAndTell(sync.id);
    await scene.inSource('DELETE FROM people WHERE id <= 4');
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    await scene.inSource('DELETE FROM people WHERE id <= 6');
    await scene.send('PUT', `/api/bulk/syncs/${sync.id}`, { ...toRequest(sync), ...hard });
    expect(await runAndTell(sync.id)).toMatchObject(COMPLETE);
    expect(await scene.inDestination('SELECT min(id), count(*)::int FROM landing.people')).toEqual([[7, 4]]);
  });
});

/** A sync as it is sent. */
function toRequest({ name, mode, source_connection_id, destination_connection_id }: BulkSyncBody): BulkSyncRequest {
  return {
    name,
    mode,
    source_connection_id,
    destination_connection_id,
    destination_configuration: { schema: 'landing' },
    default_schedule: { frequency: 'manual' },
  };
}
