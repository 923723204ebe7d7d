import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BulkFixture, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { queryDatabase } from '../../../tests/setup/databases.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);
let connection: string;

beforeAll(async () => {
  await queryDatabase(
    fixture.source.url,
    `CREATE TABLE payments (id bigint PRIMARY KEY, payload jsonb, body json, note text);
     INSERT INTO payments VALUES (1, '{"city": "Ulm", "items": [{"net price": 3.5}]}', '{"a": 1}', 'n')`,
  );
  connection = `/api/connections/${fixture.sourceId}`;
  await fixture.api.send({ method: 'POST', url: `${connection}/schemas/refresh` });
  await fixture.refresh(fixture.sourceId);
});

beforeEach(async () => {
  await fixture.api.services.store.db.deleteFrom('schemaOverrides').execute();
});

// Answers are looked at in every depth; their shapes are proved in tests/compatibility.
type Body = ReturnType<typeof JSON.parse>;

const PAYMENTS = 'public.payments';
const at = (schema: string, rest = ''): string => `${connection}/schemas/${schema}${rest}`;
const add = (...fields: readonly unknown[]) => send('POST', at(PAYMENTS, '/fields'), { fields });
const patch = (field: string, body: unknown) => send('PATCH', at(PAYMENTS, `/fields/${field}`), body);
const remove = (field: string) => send('DELETE', at(PAYMENTS, `/fields/${field}`));
const setKey = (fields: unknown) => send('PUT', at(PAYMENTS, '/primary_keys'), { fields });
const fieldsOf = async (schema = PAYMENTS): Promise<Body[]> => (await send('GET', at(schema))).body.data.fields;
const keyOf = async (): Promise<string[]> =>
  (await fieldsOf()).filter((field) => field.is_primary_key).map((field) => field.id);

const CITY = { field_id: 'city', label: 'City', type: 'string', path: '$.payload.city', example: 'Ulm' };

/** The name that a refusal gives to what it refuses. */
const refused = ({ status, body }: { status: number; body: Body }): unknown => [
  status,
  body.metadata?.field ?? body.metadata?.fields?.map((misfit: Body) => misfit.field).join(),
];

describe('fields that users add', () => {
  it('stand behind the detected ones in every answer', async () => {
    const { status, body } = await add(CITY, {
      field_id: 'price',
      label: 'Price',
      type: 'number',
      path: 'payload.items[0]["net price"]',
    });
    expect([status, body]).toEqual([202, {}]);
    const fields = await fieldsOf();
    expect(fields.slice(-2)).toEqual([
      {
        id: 'city',
        name: 'City',
        path: '$.payload.city',
        type: 'string',
        remote_type: 'text',
        is_primary_key: false,
        user_managed: true,
        association: null,
      },
      expect.objectContaining({ id: 'price', path: '$.payload.items["0"]["net price"]', type: 'number' }),
    ]);
    expect(fields.filter((field) => field.user_managed)).toHaveLength(2);
    const source = await send('GET', `${connection}/bulksync/source`);
    const described = source.body.data.schemas.find((schema: Body) => schema.id === PAYMENTS);
    expect(described.fields.map((field: Body) => field.id)).toContain('city');
    const records = await send('GET', at(PAYMENTS, '/records'));
    expect(records.body.data[0]).toMatchObject({ id: 1, city: 'Ulm', price: 3.5 });
  });

  it('are replaced by their id, survive a refresh, and can be taken away', async () => {
    await add(CITY);
    await add({ ...CITY, label: 'Town' });
    await fixture.api.send({ method: 'POST', url: `${connection}/schemas/refresh` });
    await fixture.refresh(fixture.sourceId);
    expect((await fieldsOf()).filter((field) => field.user_managed)).toEqual([
      expect.objectContaining({ id: 'city', name: 'Town' }),
    ]);
    expect((await remove('city')).status).toBe(202);
    expect((await fieldsOf()).filter((field) => field.user_managed)).toEqual([]);
    expect((await remove('city')).status).toBe(404);
  });

  it('keep their example, for which no answer has a place', async () => {
    const readExample = async (): Promise<unknown> => {
      const { overrides } = await fixture.api.services.store.db
        .selectFrom('schemaOverrides')
        .select('overrides')
        .executeTakeFirstOrThrow();
      return overrides.userFields.find(({ id }) => id === 'city')?.example;
    };
    await add(CITY);
    expect(await readExample()).toBe('Ulm');
    await patch('city', { example: { of: ['any', 'shape'] } });
    expect(await readExample()).toEqual({ of: ['any', 'shape'] });
    await patch('city', { label: 'Town' });
    expect(await readExample()).toEqual({ of: ['any', 'shape'] });
  });

  it('can be selected, filtered by, and then not taken away any more', async () => {
    await add(CITY);
    const id = await fixture.createSync({
      name: 'Chooses the city',
      schemas: [
        { id: PAYMENTS, fields: ['id', 'city'], filters: [{ field_id: 'city', function: 'Equality', value: 'Ulm' }] },
      ],
    });
    const chosen = (await send('GET', `/api/bulk/syncs/${id}/schemas/${PAYMENTS}`)).body.data.fields;
    expect(chosen.find((field: Body) => field.id === 'city')).toMatchObject({ enabled: true, output_name: 'city' });
    const refusal = await remove('city');
    expect([refusal.status, refusal.body.message]).toEqual([422, expect.stringContaining('Chooses the city')]);
    await send('PUT', `/api/bulk/syncs/${id}/schemas/${PAYMENTS}`, {});
    expect((await remove('city')).status).toBe(202);
  });

  it('cannot show changes', async () => {
    await add({ ...CITY, field_id: 'at', type: 'datetime' });
    const { status, body } = await send(
      'POST',
      '/api/bulk/syncs',
      fixture.syncBody({ schemas: [{ id: PAYMENTS, tracking_field: 'at' }] }),
    );
    expect([status, body.message]).toEqual([422, expect.stringContaining('was added to the schema')]);
  });

  it.each<[string, Record<string, unknown>, number, string]>([
    ['without a path', { path: undefined }, 422, 'fields[1].path'],
    ['with an empty path', { path: '' }, 422, 'fields[1].path'],
    ['with a path of one step', { path: '$.payload' }, 422, 'fields[1].path'],
    ['with a broken path', { path: '$.payload..city' }, 422, 'fields[1].path'],
    ['in an unknown field', { path: '$.nope.city' }, 422, 'fields[1].path'],
    ['in a field without JSON', { path: '$.id.city' }, 422, 'fields[1].path'],
    ['of an unknown type', { type: 'binary' }, 422, 'fields[1].type'],
    ['without a label', { label: ' ' }, 422, 'fields[1].label'],
    ['with the id of a column', { field_id: 'note' }, 422, 'fields[1].field_id'],
    ['with a blank id', { field_id: '' }, 422, 'fields[1].field_id'],
    ['named twice', { field_id: 'other' }, 422, 'fields[1].field_id'],
    ['with an unknown option', { colour: 1 }, 400, 'fields[1].colour'],
    ['without a type', { type: undefined }, 400, 'fields[1].type'],
  ])('are refused %s, and none of the batch is taken', async (_what, changes, status, field) => {
    expect(refused(await add({ ...CITY, field_id: 'other' }, { ...CITY, ...changes }))).toEqual([status, field]);
    expect((await fieldsOf()).some((item) => item.user_managed)).toBe(false);
  });

  it('answers 404 to an unknown connection or schema, and takes an empty batch', async () => {
    const unknown = '/api/connections/00000000-0000-4000-8000-000000000000/schemas/x/fields';
    expect((await send('POST', unknown, { fields: [] })).status).toBe(404);
    expect((await send('POST', at('public.nope', '/fields'), { fields: [] })).status).toBe(404);
    expect((await send('POST', at(PAYMENTS, '/fields'))).status).toBe(202);
  });
});

describe('changing one field', () => {
  it('replaces the parts of an added one that are sent', async () => {
    await add(CITY);
    const { status, body } = await patch('city', { type: 'object', path: '$.body.a' });
    expect([status, body.data]).toEqual([
      200,
      expect.objectContaining({ id: 'city', name: 'City', type: 'object', path: '$.body.a', user_managed: true }),
    ]);
    expect((await patch('city', { label: 'Town' })).body.data).toMatchObject({ name: 'Town', path: '$.body.a' });
    expect((await patch('city', {})).body.data).toMatchObject({ name: 'Town', type: 'object' });
  });

  it('gives a label to one of the source, which names its column, and takes it back', async () => {
    expect((await patch('note', { label: 'Remark' })).body.data).toMatchObject({ id: 'note', name: 'Remark' });
    const id = await fixture.createSync({ schemas: [PAYMENTS] });
    const { fields } = (await send('GET', `/api/bulk/syncs/${id}/schemas/${PAYMENTS}`)).body.data;
    expect(fields.find((field: Body) => field.id === 'note').output_name).toBe('remark');
    expect((await patch('note', { path: '' })).body.data.name).toBe('Remark');
    expect((await patch('note', { label: null })).body.data.name).toBe('note');
  });

  it.each<[string, string, unknown, number, string | undefined]>([
    ['the type of a column', 'note', { type: 'number' }, 422, 'type'],
    ['the path of a column', 'note', { path: '$.payload.x' }, 422, 'path'],
    ['an example for a column', 'note', { example: 1 }, 422, 'example'],
    ['a definition', 'city', { definition: {} }, 422, 'definition'],
    ['no label for an added field', 'city', { label: null }, 422, 'label'],
    ['no path for an added field', 'city', { path: '' }, 422, 'path'],
    ['an unknown type', 'city', { type: 'text' }, 422, 'type'],
    ['an unknown option', 'city', { colour: 1 }, 400, 'colour'],
    ['an unknown field', 'nope', { label: 'x' }, 404, undefined],
  ])('refuses %s', async (_what, field, body, status, name) => {
    await add(CITY);
    expect(refused(await patch(field, body))).toEqual([status, name]);
  });

  it('deletes none of the source', async () => {
    expect(refused(await remove('note'))).toEqual([422, 'field_id']);
  });
});

describe('the key that a user sets', () => {
  it('takes the place of the detected one, may be none, and goes back', async () => {
    expect(await keyOf()).toEqual(['id']);
    const { status, body } = await setKey([
      { field_id: 'note', is_primary_key: true },
      { field_id: 'id', is_primary_key: false },
    ]);
    expect([status, body, await keyOf()]).toEqual([202, {}, ['note']]);
    await setKey([{ field_id: 'id', is_primary_key: false }]);
    expect(await keyOf()).toEqual([]);
    expect((await send('DELETE', at(PAYMENTS, '/primary_keys'))).status).toBe(202);
    expect(await keyOf()).toEqual(['id']);
  });

  it.each<[string, unknown, number, string]>([
    ['an unknown field', [{ field_id: 'nope', is_primary_key: true }], 422, 'fields[0].field_id'],
    [
      'an unknown field that is not part of it',
      [{ field_id: 'nope', is_primary_key: false }],
      422,
      'fields[0].field_id',
    ],
    ['JSON', [{ field_id: 'payload', is_primary_key: true }], 422, 'fields[0].field_id'],
    ['an added field', [{ field_id: 'city', is_primary_key: true }], 422, 'fields[0].field_id'],
    [
      'a field named twice',
      [
        { field_id: 'id', is_primary_key: true },
        { field_id: 'id', is_primary_key: true },
      ],
      422,
      'fields[1].field_id',
    ],
    ['nothing', [], 422, 'fields'],
    ['no list', null, 422, 'fields'],
    ['an entry that does not say', [{ field_id: 'id' }], 400, 'fields[0].is_primary_key'],
  ])('refuses %s', async (_what, fields, status, name) => {
    await add(CITY);
    expect(refused(await setKey(fields))).toEqual([status, name]);
    expect(await keyOf()).toEqual(['id']);
  });

  it('makes the next read of the schema complete, and of no other', async () => {
    const id = await fixture.createSync({ schemas: [PAYMENTS, 'public.orders'] });
    const { db } = fixture.api.services.store;
    await db.updateTable('bulkSyncSchemas').set({ cursor: '{"version":1}' }).where('syncId', '=', id).execute();
    await setKey([{ field_id: 'note', is_primary_key: true }]);
    const rows = await db
      .selectFrom('bulkSyncSchemas')
      .select(['schemaId', 'cursor'])
      .where('syncId', '=', id)
      .where('enabled', '=', true)
      .orderBy('schemaId')
      .execute();
    expect(rows).toEqual([
      { schemaId: 'public.orders', cursor: { version: 1 } },
      { schemaId: PAYMENTS, cursor: null },
    ]);
  });
});
