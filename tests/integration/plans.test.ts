import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PlanBody, PlanQuery, SchemaPlanBody } from '../../src/contract/index.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { readEverythingStored } from '../setup/everything-stored.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { makeSync, postgresConfiguration } from '../setup/syncs.ts';

// What a start would do, asked before it; and that asking does none of it.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, secret text, changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'p' || i, 's' || i, '2024-01-01Z'::timestamptz + i * interval '1 day' FROM generate_series(1, 100) i;
  CREATE TABLE notes (body text);
  INSERT INTO notes SELECT 'note ' || i FROM generate_series(1, 20) i;
  ANALYZE;`;

const PEOPLE = 'public.people';
const NOTES = 'public.notes';

const server = useServer();
const scene = useSyncScene(server, SOURCE);

const planOf = (syncId: string, start: PlanQuery = {}): Promise<PlanBody> =>
  server.client.getPlan(syncId, start, scene.signal);

function partOf(plan: PlanBody, schema: string): SchemaPlanBody & { load: NonNullable<SchemaPlanBody['load']> } {
  const part = plan.schemas.find((candidate) => candidate.schema === schema);
  if (part === undefined || part.load === null) throw new Error(`No load of ${schema} in ${JSON.stringify(plan)}`);
  return { ...part, load: part.load };
}

/** What of a plan does not depend on when it was made. */
const lasting = ({ execution_id, planned_at, ...plan }: PlanBody) => plan;

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function everythingStored() {
  const urls = [server.metadata.url, scene.source.ownerUrl, scene.destination.ownerUrl];
  return Promise.all(urls.map(readEverythingStored));
}

describe('the plan of a first start', () => {
  it('is what the execution then does', async () => {
    const sync = await scene.make([PEOPLE, NOTES]);
    const plan = await planOf(sync.id);
    expect(plan).toMatchObject({ execution_id: null, refusals: [], written_by: 'any_worker', added_schemas: [] });
    const people = partOf(plan, PEOPLE);
    expect(people).toMatchObject({ outcome: 'load', refusals: [] });
    expect(people.load).toMatchObject({
      kind: 'replace',
      table: 'landing.people',
      replacement: { how: 'create' },
      destructive_steps: [],
      estimate: { records: 100 },
      loss_guard: { compares: 'nothing', max_loss_percent: 50 },
      segments: { count: 1 },
      receipt: { depth: 'checksums' },
      transfer: { format: 'pgcopy-binary', path: 'identity', pushed_down: { fields: 4, fields_left_out: 0 } },
    });
    expect(people.load.changes.map(({ kind, column }) => [kind, column])).toEqual([
      ['create_schema', null],
      ['create_table', null],
      ...['id', 'name', 'secret', 'changed_at'].map((column) => ['add_column', column]),
      ...['created_at', 'updated_at', 'deleted_at'].map((name) => ['add_column', `__millrace_${name}`]),
    ]);

    const { execution, receipt } = await scene.run(sync.id);
    expect(execution.status).toBe('completed');
    expect(receipt?.schemas.map(({ schema, load }) => [schema, load]).sort()).toEqual(
      plan.schemas.map(({ schema, load }) => [schema, load?.kind]).sort(),
    );
    const stored = await server.client.getExecutionPlan(sync.id, execution.id, scene.signal);
    expect(stored.execution_id).toBe(execution.id);
    expect(lasting(stored)).toEqual(lasting(plan));
  });

  it('writes nothing, neither to the systems nor to the metadata', async () => {
    const sync = await scene.make([PEOPLE, NOTES], { automatically_add_new_objects: 'all' });
    await scene.run(sync.id);
    await scene.inSource(`
      ALTER TABLE people ADD added int; ALTER TABLE notes ALTER body TYPE varchar(50); CREATE TABLE more (id int PRIMARY KEY);
      DELETE FROM people WHERE id < 5;`);
    const before = await everythingStored();
    const plan = await planOf(sync.id);
    expect(plan.added_schemas).toEqual(['public.more']);
    expect(partOf(plan, 'public.more').load.replacement?.how).toBe('create');
    expect(plan.drift.map(({ kind }) => kind).sort()).toEqual(['field_added', 'schema_added', 'type_narrowed']);
    expect(await planOf(sync.id, { resync_mode: 'rebuild' })).toMatchObject({ refusals: [] });
    expect(await everythingStored()).toEqual(before);
  });
});

describe('the plan of a later start', () => {
  it('names each change of the table, with before and after, and what goes', async () => {
    const sync = await scene.make([PEOPLE, NOTES]);
    await scene.run(sync.id);
    await scene.inSource(`
      ALTER TABLE people ADD age int; ALTER TABLE people ALTER id TYPE bigint; ALTER TABLE people DROP secret;
      ALTER TABLE people ALTER name TYPE jsonb USING to_jsonb(name);`);
    await scene.inDestination('ANALYZE landing.people');
    const plan = await planOf(sync.id);
    const { load } = partOf(plan, PEOPLE);
    expect(load).toMatchObject({
      kind: 'merge',
      replacement: null,
      live_records: 100,
      loss_guard: { compares: 'keys' },
    });
    expect(load.changes).toEqual([
      { kind: 'add_column', column: 'age', before: null, after: 'integer' },
      { kind: 'widen_column', column: 'id', before: 'integer', after: 'bigint' },
      { kind: 'convert_column', column: 'name', before: 'text', after: 'jsonb' },
    ]);
    expect(load.destructive_steps).toEqual([
      { kind: 'mark_deleted', text: expect.stringContaining('__millrace_deleted_at') },
    ]);
    expect(partOf(plan, NOTES).load).toMatchObject({
      kind: 'replace',
      replacement: { how: 'exchange' },
      loss_guard: { compares: 'count' },
      destructive_steps: [{ kind: 'exchange_table' }, { kind: 'delete_records' }],
    });
    const { execution } = await scene.run(sync.id);
    const types = await scene.inDestination(
      `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'landing.people'::regclass AND attname IN ('age', 'id', 'name') ORDER BY 1`,
    );
    expect(types).toEqual([
      ['age', 'integer'],
      ['id', 'bigint'],
      ['name', 'jsonb'],
    ]);
    const stored = await server.client.getExecutionPlan(sync.id, execution.id, scene.signal);
    expect(partOf(stored, PEOPLE).load.changes).toEqual(load.changes);
  });

  it('says what of a replacement it can know: in place, by the difference, or a new table', async () => {
    const sync = await scene.make([PEOPLE], { mode: 'snapshot' });
    await scene.run(sync.id);
    const howOf = async (start: PlanQuery = {}) => partOf(await planOf(sync.id, start), PEOPLE).load.replacement?.how;
    expect(await howOf()).toBe('exchange');
    expect(await howOf({ resync_mode: 'resync' })).toBe('in_place');
    await scene.inDestination('CREATE VIEW landing.seen AS SELECT id FROM landing.people');
    expect(partOf(await planOf(sync.id), PEOPLE).load.replacement).toMatchObject({
      how: 'in_place',
      reason: expect.stringContaining('view landing.seen'),
    });
    await scene.inDestination('CREATE TABLE landing.friends (id int REFERENCES landing.people)');
    expect(await howOf()).toBe('difference');
    const rebuilt = partOf(await planOf(sync.id, { resync_mode: 'rebuild' }), PEOPLE);
    expect(rebuilt).toMatchObject({ outcome: 'refuse', refusals: [{ code: 'TABLE_DIFFERS' }] });
  });

  it('estimates a delta, and what it is filtered to', async () => {
    const sync = await scene.make([
      { id: PEOPLE, tracking_field: 'changed_at', filters: [{ field_id: 'id', function: 'GreaterThan', value: 0 }] },
    ]);
    await scene.run(sync.id);
    const { load } = partOf(await planOf(sync.id), PEOPLE);
    expect(load).toMatchObject({
      kind: 'delta',
      destructive_steps: [],
      loss_guard: { compares: 'nothing' },
      tracking: { field: 'changed_at' },
      transfer: { path: 'push_down' },
    });
    expect(load.estimate.records).toBeLessThan(50);
    expect(load.estimate.basis).toContain('PostgreSQL');
    expect(load.transfer.pushed_down.filters).toHaveLength(2);
    const full = partOf(await planOf(sync.id, { fetch_mode: 'full' }), PEOPLE).load;
    expect(full).toMatchObject({ kind: 'merge', reason: expect.stringContaining('asked for') });
  });
});

describe.each([
  ['a DuckDB file', 'duckdb', 'to/plans.duckdb'],
  ['a Parquet folder', 'parquet', 'to/folder'],
])('the plan of a sync into %s', (_, type, path) => {
  const mode = type === 'parquet' ? 'snapshot' : 'replicate';
  const filesBelow = () => {
    const names = readdirSync(server.filesFolder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return files.sort().map((file) => [file, statSync(file).mtimeMs, hashOf(readFileSync(file))]);
  };

  it('is what the execution then does, and leaves every file as it is', async () => {
    const sync = await makeSync(
      server,
      { name: type, source: scene.source.ownerUrl, destination: [type, { path }], schemas: [PEOPLE], mode },
      scene.signal,
    );
    const first = await planOf(sync.id);
    expect(first).toMatchObject({ written_by: 'one_process', refusals: [] });
    expect(partOf(first, PEOPLE).load).toMatchObject({
      kind: 'replace',
      replacement: { how: 'create' },
      transfer: { format: 'csv', path: 'identity' },
    });
    expect(filesBelow()).toEqual([]);
    const { execution } = await scene.run(sync.id);
    const stored = await server.client.getExecutionPlan(sync.id, execution.id, scene.signal);
    expect(lasting(stored)).toEqual(lasting(first));

    await scene.inSource('ALTER TABLE people ADD age int; ALTER TABLE people ALTER name TYPE int USING id');
    const before = filesBelow();
    const metadata = await readEverythingStored(server.metadata.url);
    const second = partOf(await planOf(sync.id), PEOPLE);
    expect(second).toMatchObject({ outcome: 'load', load: { live_records: 100, loss_guard: { compares: 'keys' } } });
    expect(second.load.changes).toEqual([
      ...(type === 'duckdb' ? [{ kind: 'add_column', column: 'age', before: null, after: 'INTEGER' }] : []),
      { kind: 'convert_column', column: 'name', before: 'VARCHAR', after: 'INTEGER' },
      ...(type === 'parquet' ? [{ kind: 'add_column', column: 'age', before: null, after: 'INTEGER' }] : []),
    ]);
    expect(second.load.destructive_steps.map(({ kind }) => kind)).toEqual(
      type === 'parquet' ? ['replace_files', 'delete_records'] : ['mark_deleted'],
    );
    expect(filesBelow()).toEqual(before);
    expect(await readEverythingStored(server.metadata.url)).toEqual(metadata);
    expect((await scene.run(sync.id)).execution.status).toBe('completed');
    rmSync(join(server.filesFolder, 'to'), { recursive: true });
  });
});

describe('the plan of a sync from files', () => {
  it.each([
    ['duckdb', { path: 'from/shop.duckdb' }, 'main.people'],
    ['files', { path: 'from/tables', format: 'csv' }, 'people'],
  ])('is made from %s, which it leaves as it is', async (type, configuration, schema) => {
    const folder = join(server.filesFolder, 'from', 'tables');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'people.csv'), 'id,name\n1,one\n2,two\n');
    await queryFile(join(folder, '../shop.duckdb'), `CREATE TABLE people AS SELECT 1 AS id, 'one' AS name`);
    const destination = ['postgresql', postgresConfiguration(scene.destination.ownerUrl)] as const;
    const source = [type, configuration] as const;
    const given = { name: `from ${type}`, source, destination, schemas: [schema] };
    const sync = await makeSync(server, given, scene.signal);
    const hashes = () => ['people.csv', '../shop.duckdb'].map((name) => hashOf(readFileSync(join(folder, name))));
    const before = hashes();
    const plan = await planOf(sync.id);
    expect(partOf(plan, schema)).toMatchObject({ outcome: 'load', load: { transfer: { format: 'csv' } } });
    expect(hashes()).toEqual(before);
    const { execution } = await scene.run(sync.id);
    expect(execution.status).toBe('completed');
    const stored = await server.client.getExecutionPlan(sync.id, execution.id, scene.signal);
    expect(lasting(stored)).toEqual(lasting(plan));
    rmSync(join(server.filesFolder, 'from'), { recursive: true });
  });
});

describe('what a start would be refused for', () => {
  it('is part of the plan', async () => {
    await scene.inDestination('CREATE SCHEMA landing; CREATE TABLE landing.people (id int)');
    const sync = await scene.make([PEOPLE, NOTES]);
    const plan = await planOf(sync.id);
    expect(plan.schemas.find(({ schema }) => schema === PEOPLE)).toMatchObject({
      outcome: 'refuse',
      refusals: [{ code: 'TABLE_NOT_OURS' }],
      load: null,
    });
    expect(partOf(plan, NOTES).outcome).toBe('load');
    const { execution } = await scene.run(sync.id);
    const stored = await server.client.getExecutionPlan(sync.id, execution.id, scene.signal);
    expect(lasting(stored).schemas).toEqual(
      lasting(plan).schemas.map((part) =>
        // Made meanwhile by the other schema's load.
        part.load === null ? part : { ...part, load: expect.anything() },
      ),
    );
  });

  it('is told for the whole as well, in the words of the start', async () => {
    const sync = await scene.make([PEOPLE]);
    expect(await planOf(sync.id, { schemas: [PEOPLE, 'public.gone'] })).toMatchObject({
      refusals: [{ code: 'REQUEST_REFUSED', message: expect.stringContaining('public.gone') }],
    });
    await server.client.setSyncSettings(sync.id, {}, scene.signal);
    await expect(planOf(sync.id, { max_loss_percent: 101 })).resolves.toMatchObject({
      refusals: [{ code: 'REQUEST_REFUSED', message: expect.stringContaining('max_loss_percent') }],
    });
    await expect(planOf(sync.id, { resync_mode: 'all' as 'resync' })).rejects.toMatchObject({ status: 400 });
  });

  it('names a source that cannot be opened', async () => {
    const sync = await scene.make([PEOPLE]);
    await scene.source[Symbol.asyncDispose]();
    expect(await planOf(sync.id)).toMatchObject({
      refusals: [{ code: 'CONN_DATABASE_MISSING' }],
      schemas: [],
      lanes: 0,
    });
  });

  it('is 404 for an unknown sync, and for an execution without a plan', async () => {
    const sync = await scene.make([PEOPLE]);
    const unknown = '00000000-0000-4000-8000-000000000000';
    await expect(planOf(unknown)).rejects.toMatchObject({ status: 404 });
    await expect(server.client.getExecutionPlan(sync.id, unknown, scene.signal)).rejects.toMatchObject({ status: 404 });
  });
});
