import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { queryFile } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { namesOf, useModelRequests } from '../../../../tests/setup/model-requests.ts';

const { fixture, ask, modelBody, make } = useModelRequests();

describe('what a model can be made of', () => {
  const SOURCE = 'GET /api/connections/{id}/modelsync/source';
  const FIELDS = 'GET /api/connections/{id}/modelsync/source/fields';
  const params = (value: unknown): string => `?params=${encodeURIComponent(JSON.stringify(value))}`;

  it('is told with the tables and views to choose from, and narrowed', async () => {
    const url = `/api/connections/${fixture.sourceId}/modelsync/source`;
    const { data } = await ask(200, SOURCE, url);
    expect(data.requires_one_of).toEqual(['table', 'view', 'query']);
    expect(data.configuration.view).toEqual({ type: 'string', items: ['public.big_orders'] });
    expect(data.items.table).toMatchObject({ has_items: true, items: expect.arrayContaining(['archive.orders']) });
    expect(data.items.query).toMatchObject({ has_items: false });
    const narrowed = (await ask(200, SOURCE, `${url}${params({ table: ['archive.'] })}`)).data;
    expect(narrowed).toMatchObject({ configuration: { table: { items: ['archive.orders'] } }, requires_one_of: [] });
    await ask(422, SOURCE, `${url}${params({ bucket: ['x'] })}`);
    await ask(400, SOURCE, `${url}?params=nonsense`);
    await ask(404, SOURCE, `/api/connections/${UNKNOWN_ID}/modelsync/source`);
  });

  it('has fields', async () => {
    const url = `/api/connections/${fixture.sourceId}/modelsync/source/fields`;
    const { data } = await ask(200, FIELDS, `${url}${params({ table: ['public.notes'] })}`);
    expect(data).toEqual([
      { name: 'body', label: 'body', type: 'string', remote_type: 'text', unique: false, user_added: false },
    ]);
    const ofQuery = await ask(200, FIELDS, `${url}${params({ query: 'VALUES (1, true)' })}`);
    expect(namesOf({ fields: ofQuery.data })).toEqual(['column1', 'column2']);
    await ask(422, FIELDS, url);
    await ask(422, FIELDS, `${url}${params({ table: ['a', 'b'] })}`);
  });

  it('is nothing for enrichment', async () => {
    const { sourceId } = fixture;
    await ask(
      404,
      'GET /api/connections/{id}/modelsync/enrichment-source',
      `/api/connections/${sourceId}/modelsync/enrichment-source`,
    );
    const url = `/api/enrichment/${sourceId}/inputfields`;
    const { message } = await ask(404, 'POST /api/enrichment/{connection_id}/inputfields', url, { configuration: {} });
    expect(message).toContain('no enrichment');
  });
});

it('makes models of tables and queries of a DuckDB file, and of tables of plain files', async () => {
  const { filesRoot } = fixture.api.services.connectorContext(fixture.api.keys.organizationId);
  await mkdir(filesRoot, { recursive: true });
  await queryFile(join(filesRoot, 'shop.duckdb'), "CREATE TABLE tea AS SELECT 1 AS id, 'green' AS name");
  await writeFile(join(filesRoot, 'cups.csv'), 'id,size\n1,small\n2,large\n');
  const connect = async (type: string, configuration: object): Promise<string> => {
    const { body } = await fixture.send('POST', '/api/connections', { name: type, type, configuration });
    return body.data.id;
  };
  const file = await connect('duckdb', { path: 'shop.duckdb' });
  const plain = await connect('files', { path: 'cups.csv', format: 'csv' });
  const table = await make({ connection_id: file, configuration: { table: 'main.tea' } });
  expect(namesOf(table)).toEqual(['id', 'name']);
  const query = await make({ connection_id: file, configuration: { query: 'SELECT count(*) AS teas FROM tea' } });
  const sample = await ask(200, 'GET /api/models/{id}/sample', `/api/models/${query.id}/sample`);
  expect(sample.data.records).toEqual([{ [query.id]: { teas: 1 } }]);
  const source = 'GET /api/connections/{id}/modelsync/source';
  const { data } = await ask(200, source, `/api/connections/${plain}/modelsync/source`);
  expect(data.requires_one_of).toEqual(['table']);
  const [id] = data.items.table.items;
  expect(namesOf(await make({ connection_id: plain, configuration: { table: id } }))).toEqual(['id', 'size']);
  const refused = modelBody({ connection_id: plain, configuration: { query: 'SELECT 1' } });
  const { message } = await ask(422, 'POST /api/models', '/api/models', refused);
  expect(message).toContain('configuration.query');
  const run = `/api/connections/${plain}/query?query=SELECT+1`;
  await ask(404, 'POST /api/connections/{connection_id}/query', run, {});
});
