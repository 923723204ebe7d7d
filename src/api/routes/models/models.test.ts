import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { queryDatabase } from '../../../../tests/setup/databases.ts';
import { namesOf, useModelRequests } from '../../../../tests/setup/model-requests.ts';
import {
  createContext,
  createModel,
  deleteModel,
  describeModelSource,
  getModel,
  listAllModels,
  sampleModel,
  startCreateModel,
  startQuery,
} from '../../../operations/index.ts';
import { toModelInput } from '../../views/models.ts';

const { fixture, ask, modelBody, make } = useModelRequests();
const OLDEST = '2023-04-25';

describe('making a model', () => {
  it('asks the source for the fields, and keeps what was said about them', async () => {
    const other = await make({ configuration: { view: 'public.big_orders' }, name: 'Big orders' });
    const label = fixture.api.services.newId();
    const model = await make({
      fields: ['id', 'email', 'plan'],
      identifier: 'id',
      tracking_columns: ['id'],
      additional_fields: [{ name: 'score', label: 'Score', type: 'number', example: '7' }],
      relations: [{ from: 'id', to: { model_id: other.id, field: 'id' } }],
      labels: [label],
    });
    expect(model).toMatchObject({
      type: 'postgresql',
      version: 1,
      identifier: 'id',
      tracking_columns: ['id'],
      relations: [{ from: 'id', to: { model_id: other.id, field: 'id' } }],
      labels: [{ id: label }],
      created_by: { type: 'user' },
    });
    expect(model.policies).toHaveLength(1);
    expect(model.fields).toMatchObject([
      { name: 'id', type: 'number', remote_type: 'bigint', unique: true, user_added: false },
      { name: 'email', type: 'string', unique: false },
      { name: 'plan', remote_type: 'plan' },
      { name: 'score', label: 'Score', type: 'number', user_added: true, example: '7' },
    ]);
    expect((await ask(200, 'GET /api/models/{id}', `/api/models/${model.id}`)).data).toEqual(model);
  });

  it('takes a query, whose fields are named by it', async () => {
    const query = 'SELECT o.id, count(*) AS orders, max(total) AS highest FROM orders o GROUP BY o.id';
    const model = await make({ configuration: { query } });
    expect(namesOf(model)).toEqual(['id', 'orders', 'highest']);
    expect(model.configuration).toEqual({ query });
  });

  it.each<[string, string, Record<string, unknown>, number]>([
    ['an unknown connection', 'connection_id', { connection_id: UNKNOWN_ID }, 422],
    ['no origin', 'configuration', { configuration: {} }, 422],
    ['two origins', 'configuration', { configuration: { table: 'public.orders', query: 'SELECT 1' } }, 422],
    ['an unknown origin', 'configuration.collection', { configuration: { collection: 'x' } }, 400],
    ['an origin that is no text', 'configuration.table', { configuration: { table: 7 } }, 400],
    ['an unknown table', 'public.nothing', { configuration: { table: 'public.nothing' } }, 422],
    ['a query that fails', 'nothing', { configuration: { query: 'SELECT nothing' } }, 422],
    ['two queries', 'multiple commands', { configuration: { query: 'SELECT 1; SELECT 2' } }, 422],
    ['a field that is not there', 'fields[1]', { fields: ['id', 'nothing'] }, 422],
    ['an identifier that is not taken', 'identifier', { fields: ['id'], identifier: 'email' }, 422],
    ['an unknown tracking column', 'tracking_columns[0]', { tracking_columns: ['nothing'] }, 422],
    [
      'a field twice',
      'additional_fields[0].name',
      { additional_fields: [{ name: 'id', label: '', type: 'string' }] },
      422,
    ],
    [
      'a field of no type',
      'additional_fields[0].type',
      { additional_fields: [{ name: 'a', label: 'a', type: 'x' }] },
      400,
    ],
    [
      'an unknown model',
      'relations[0].to.model_id',
      { relations: [{ from: 'id', to: { model_id: UNKNOWN_ID, field: 'id' } }] },
      422,
    ],
    ['an enricher', 'enricher.connection_id', { enricher: { connection_id: UNKNOWN_ID } }, 422],
    ['an unknown policy', 'policies[0]', { policies: [UNKNOWN_ID] }, 422],
    ['another organization', 'organization_id', { organization_id: UNKNOWN_ID }, 422],
    ['an unknown field', 'colour', { colour: 1 }, 400],
    ['no name', 'name', { name: undefined }, 400],
  ])('is refused for %s, naming it', async (_what, named, changes, status) => {
    const { message } = await ask(status, 'POST /api/models', '/api/models', modelBody(changes));
    expect(message).toContain(named);
  });

  it('refuses a relation to a field that the other model has not', async () => {
    const other = await make();
    const relations = [{ from: 'id', to: { model_id: other.id, field: 'nothing' } }];
    const { message } = await ask(422, 'POST /api/models', '/api/models', modelBody({ relations }));
    expect(message).toContain('relations[0].to.field');
  });
});

describe('changing a model', () => {
  const put = (id: string, body: unknown, status = 200) =>
    ask(status, 'PUT /api/models/{id}', `/api/models/${id}`, body);

  it('replaces it whole, counts the version, and keeps the ids of its fields', async () => {
    const model = await make({ identifier: 'id', fields: ['id', 'email'], tracking_columns: ['id'] });
    const { data } = await put(model.id, modelBody({ name: 'All of them' }));
    expect(data).toMatchObject({ name: 'All of them', version: 2, tracking_columns: [] });
    expect(data).not.toHaveProperty('identifier');
    expect(namesOf(data)).toEqual(['id', 'email', 'plan', 'updated_at', 'domain']);
    expect(data.fields[0].id).toBe(model.fields[0].id);
    expect(data.updated_at > model.updated_at).toBe(true);
  });

  it('reads the fields anew when the configuration changes, or when it is told to', async () => {
    await queryDatabase(fixture.source.url, 'CREATE TABLE growing (id int)');
    const body = modelBody({ configuration: { table: 'public.growing' } });
    const model = await make(body);
    await queryDatabase(fixture.source.url, 'ALTER TABLE growing ADD COLUMN name text');
    expect(namesOf((await put(model.id, body)).data)).toEqual(['id']);
    expect(namesOf((await put(model.id, { ...body, refresh: true })).data)).toEqual(['id', 'name']);
    expect(namesOf((await put(model.id, modelBody())).data)).toContain('email');
  });

  it('answers 404 for an unknown model', async () => {
    await put(UNKNOWN_ID, modelBody(), 404);
    await ask(404, 'GET /api/models/{id}', `/api/models/${UNKNOWN_ID}`);
    await ask(404, 'DELETE /api/models/{id}', `/api/models/${UNKNOWN_ID}`);
    await ask(404, 'GET /api/models/{id}/sample', `/api/models/${UNKNOWN_ID}/sample`);
  });

  it('deletes it, and shows all of this in the audit log', async () => {
    const model = await make();
    await put(model.id, modelBody({ name: 'Renamed' }));
    expect(await ask(200, 'DELETE /api/models/{id}', `/api/models/${model.id}?async=true`)).toBeNull();
    await ask(404, 'GET /api/models/{id}', `/api/models/${model.id}`);
    const { body } = await fixture.send('GET', `/api/x/audit?object_id=${model.id}`);
    expect(body.data.map((entry: { action: string }) => entry.action)).toEqual(['delete', 'update', 'create']);
    expect(body.data[1]).toMatchObject({ before: { name: 'Customers' }, after: { name: 'Renamed' } });
  });
});

it('is made, read and listed by those whose roles allow it', async () => {
  const { id } = await make();
  const { services, keys } = fixture.api;
  const caller = {
    kind: 'user',
    organizationId: keys.organizationId,
    organizationName: 'Organization',
    userId: services.newId(),
    name: 'Nobody',
    email: null,
    role: null,
    roleIds: [],
    isAdmin: false,
  } as const;
  const nobody = createContext(services, caller);
  const forbidden = { code: 'FORBIDDEN' };
  const input = toModelInput({
    name: 'Customers',
    connection_id: fixture.sourceId,
    configuration: { table: 'public.customers' },
  });
  await expect(getModel(nobody, id)).rejects.toMatchObject(forbidden);
  await expect(deleteModel(nobody, id)).rejects.toMatchObject(forbidden);
  await expect(sampleModel(nobody, id, { for: 'request' })).rejects.toMatchObject(forbidden);
  await expect(createModel(nobody, input, { for: 'request' })).rejects.toMatchObject(forbidden);
  await expect(startCreateModel(nobody, input)).rejects.toMatchObject(forbidden);
  await expect(startQuery(nobody, fixture.sourceId, 'SELECT 1')).rejects.toMatchObject(forbidden);
  await expect(describeModelSource(nobody, fixture.sourceId, {})).rejects.toMatchObject(forbidden);
  expect(await listAllModels(nobody)).toEqual([]);
});

it('keeps its connection from being deleted, unless that is forced', async () => {
  const connection = await fixture.connect('to be deleted', fixture.source);
  const model = await make({ connection_id: connection, name: 'In the way' });
  const url = `/api/connections/${connection}`;
  const { metadata } = await ask(422, 'DELETE /api/connections/{id}', url);
  expect(metadata).toEqual({ used_by: [{ type: 'model', name: 'In the way', id: model.id }] });
  await ask(200, 'DELETE /api/connections/{id}', `${url}?force=true`);
  await ask(404, 'GET /api/models/{id}', `/api/models/${model.id}`);
});

it('lists models latest change first, page by page', async () => {
  await Promise.all([make({ name: 'a' }), make({ name: 'b' }), make({ name: 'c' })]);
  const first = await ask(200, 'GET /api/models', '/api/models?limit=2');
  expect(first.data).toHaveLength(2);
  const token = first.pagination.next_page_token;
  const second = await ask(200, 'GET /api/models', `/api/models?limit=50&page_token=${token}`);
  const times = [...first.data, ...second.data].map((model: { updated_at: string }) => model.updated_at);
  expect(times).toEqual([...times].sort().reverse());
  const { data } = await ask(200, 'GET /api/models', '/api/models', undefined, '2024-02-08');
  expect(data).toHaveLength(times.length);
  await ask(400, 'GET /api/models', '/api/models?page_token=nonsense');
});

it('serves the oldest version with its own paths and shapes', async () => {
  const body = modelBody({ identifier: 'id', tracking_columns: ['id'] });
  const { data } = await ask(200, 'POST /api/models', '/api/models', body, OLDEST);
  expect(data).not.toHaveProperty('created_at');
  const url = `/api/models/${data.id}`;
  const patched = await ask(200, 'PATCH /api/models/{id}', url, { name: 'Patched', identifier: '' }, OLDEST);
  expect(patched.data).toMatchObject({ name: 'Patched', tracking_columns: ['id'], version: 2 });
  expect(patched.data).not.toHaveProperty('identifier');
  expect((await ask(200, 'GET /api/models/{id}', url, undefined, OLDEST)).data).toEqual(patched.data);
  const list = await ask(200, 'GET /api/models', '/api/models', undefined, OLDEST);
  expect(list.data[0]).toEqual(patched.data);
  const connection = `/api/connections/${fixture.sourceId}`;
  const source = await ask(200, 'GET /api/connections/{id}/source', `${connection}/source`, undefined, OLDEST);
  expect(source.data.requires_one_of).toContain('table');
  const query = { query: { table: ['public.notes'] } };
  const fields = await ask(
    200,
    'POST /api/connections/{id}/source/fields',
    `${connection}/source/fields`,
    query,
    OLDEST,
  );
  expect(namesOf({ fields: fields.data })).toEqual(['body']);
  await ask(404, 'PATCH /api/models/{id}', `/api/models/${UNKNOWN_ID}`, { name: 'x' }, OLDEST);
  await ask(200, 'DELETE /api/models/{id}', url, undefined, OLDEST);
});
