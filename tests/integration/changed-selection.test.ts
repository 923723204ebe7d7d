import { describe, expect, it } from 'vitest';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';

// What a change of a sync's selection over the API does to the tables that the next execution leaves.

const PEOPLE = 'public.people';
const NOTES = 'public.notes';
const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, secret text, changed_at timestamptz DEFAULT now(), payload jsonb);
  INSERT INTO people (id, name, payload) SELECT i, 'p' || i, jsonb_build_object('town', 't' || i) FROM generate_series(1, 5) i;
  CREATE TABLE notes (no int, body text);
  INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 3) i;`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

async function runWell(sync: BulkSyncBody): Promise<Readonly<Record<string, string>>> {
  const { execution, receipt } = await scene.run(sync.id);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return Object.fromEntries((receipt?.schemas ?? []).map(({ schema, load }) => [schema, load]));
}

const columnsOf = async (table: string): Promise<unknown[]> =>
  (
    await scene.inDestination(
      `SELECT attname FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`,
    )
  ).flat();

const schemasOf = (sync: BulkSyncBody): string => `/api/bulk/syncs/${sync.id}/schemas`;

describe('the next execution', () => {
  it('loads a schema that was switched on, and leaves one alone that was switched off', async () => {
    const sync = await scene.make([PEOPLE]);
    await runWell(sync);
    await scene.send('PATCH', schemasOf(sync), {
      schemas: [
        { id: PEOPLE, enabled: false },
        { id: NOTES, enabled: true },
      ],
    });
    await scene.inSource(`INSERT INTO people (id, name) VALUES (6, 'p6')`);
    expect(await runWell(sync)).toEqual({ [NOTES]: 'replace' });
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.people')).toEqual([[5]]);
    expect(await scene.inDestination('SELECT count(*)::int FROM landing.notes')).toEqual([[3]]);
  });

  it('reads only the fields that were chosen, and all of them when none are named any more', async () => {
    const sync = await scene.make([{ id: NOTES, fields: ['no', { id: 'body', enabled: false }] }]);
    await runWell(sync);
    expect(await columnsOf('landing.notes')).toEqual(['__millrace_created_at', '__millrace_updated_at', 'no']);
    await scene.send('PUT', `${schemasOf(sync)}/${NOTES}`, {});
    await runWell(sync);
    expect(await columnsOf('landing.notes')).toEqual(['__millrace_created_at', '__millrace_updated_at', 'body', 'no']);
  });

  it('begins to read by a tracking field that was set, and reads everything once before', async () => {
    const sync = await scene.make([PEOPLE]);
    expect(await runWell(sync)).toEqual({ [PEOPLE]: 'replace' });
    await scene.send('PATCH', schemasOf(sync), { schemas: [{ id: PEOPLE, tracking_field: 'changed_at' }] });
    expect(await runWell(sync)).toEqual({ [PEOPLE]: 'merge' });
    expect(await runWell(sync)).toEqual({ [PEOPLE]: 'delta' });
  });

  it('merges by a key that was set over the API, and reads a field that was added over it', async () => {
    const sync = await scene.make([NOTES, PEOPLE]);
    await runWell(sync);
    const schemas = `/api/connections/${sync.source_connection_id}/schemas`;
    await scene.send('PUT', `${schemas}/${NOTES}/primary_keys`, { fields: [{ field_id: 'no', is_primary_key: true }] });
    await scene.send('POST', `${schemas}/${PEOPLE}/fields`, {
      fields: [{ field_id: 'town', label: 'Home Town', type: 'string', path: '$.payload.town' }],
    });
    await scene.inSource('DELETE FROM notes WHERE no = 3');
    await runWell(sync);
    expect(await scene.inDestination('SELECT home_town FROM landing.people ORDER BY id LIMIT 2')).toEqual([
      ['t1'],
      ['t2'],
    ]);
    expect(await runWell(sync)).toEqual({ [NOTES]: 'merge', [PEOPLE]: 'merge' });
  });
});

it.each([
  ['replicate', [[6]], 1],
  ['snapshot', [[5]], 0],
] as const)('keeps records that left the source by the mode: %s', async (mode, counts, deletedColumns) => {
  const sync = await scene.make([PEOPLE], { mode });
  await scene.inSource(`INSERT INTO people (id) VALUES (6)`);
  await runWell(sync);
  await scene.inSource(`DELETE FROM people WHERE id = 6`);
  await runWell(sync);
  expect(await scene.inDestination('SELECT count(*)::int FROM landing.people')).toEqual(counts);
  const columns = await columnsOf('landing.people');
  expect(columns.filter((name) => name === '__millrace_deleted_at')).toHaveLength(deletedColumns);
});

it('leaves its own timestamps out with disable_record_timestamps', async () => {
  const sync = await scene.make([NOTES], { disable_record_timestamps: true });
  await runWell(sync);
  expect(await columnsOf('landing.notes')).toEqual(['body', 'no']);
});
