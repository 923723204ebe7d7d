import type { Scene } from '../scene.ts';

/** Connection types and connections. */
export async function callConnections(scene: Scene): Promise<void> {
  const { sourceConfiguration: configuration, sourceId } = scene.furniture;
  await scene.call({ operation: 'GET /api/connection_types' });
  await scene.call({ operation: 'GET /api/connection_types/{id}', params: ['postgresql'] });
  await scene.call({
    operation: 'POST /api/connection_types/{type}/parameter_values',
    params: ['postgresql'],
    body: { field: 'database', parameters: configuration },
  });
  await scene.call({ operation: 'GET /api/connections' });
  await scene.call({ operation: 'GET /api/connections/{id}', params: [sourceId] });
  await scene.call({ operation: 'GET /api/connections/{id}/parameter_values', params: [sourceId] });
  await scene.call({ operation: 'POST /api/connections/test', body: { type: 'postgresql', configuration } });
  const made = await scene.call({
    operation: 'POST /api/connections',
    body: { name: scene.freshName('shop'), type: 'postgresql', configuration },
  });
  const id: string = made?.data.id ?? (await makeConnection(scene));
  await scene.call({
    operation: ['PUT /api/connections/{id}', 'PATCH /api/connections/{id}'],
    params: [id],
    body: { name: scene.freshName('renamed'), configuration },
  });
  await scene.call({ operation: 'DELETE /api/connections/{id}', params: [id] });
}

async function makeConnection(scene: Scene): Promise<string> {
  const { sourceConfiguration: configuration } = scene.furniture;
  const body = { name: scene.freshName('shop'), type: 'postgresql', configuration };
  return (await scene.make('POST', '/api/connections', body)).id;
}

/** Schemas of a source, their fields and keys, and what destinations take. */
export async function callSchemas(scene: Scene): Promise<void> {
  const { sourceId, destinationId } = scene.furniture;
  const schemas = '/api/connections/{id}/schemas';
  const params = [sourceId];
  await scene.call({ operation: `POST ${schemas}/refresh`, params });
  await scene.until(
    { operation: [`GET ${schemas}/status`, 'GET /api/bulk/source/{connection_id}/status'], params },
    (body) => body?.data?.cache_status === 'fresh',
  );
  const orders = [...params, 'public.orders'];
  await scene.call({
    operation: [`GET ${schemas}/{schema_id}`, 'GET /api/bulk/source/{connection_id}/schema/{schema_id}'],
    params: orders,
  });
  await scene.call({
    operation: [`GET ${schemas}/{schema_id}/records`, 'GET /api/connections/{connection_id}/{schema_id}/records'],
    params: orders,
  });
  await scene.call({
    operation: ['GET /api/connections/{id}/bulksync/source', 'GET /api/bulk/source/{connection_id}'],
    params,
  });
  await scene.call({
    operation: ['GET /api/connections/{id}/bulksync/target', 'GET /api/bulk/dest/{id}'],
    params: [destinationId],
  });
  await callFields(scene);
}

async function callFields(scene: Scene): Promise<void> {
  const schema = '/api/connections/{connection_id}/schemas/{schema_id}';
  const params = [scene.furniture.sourceId, 'public.events'];
  const field = { field_id: 'city', label: 'City', type: 'string', path: '$.payload.city', example: 'Ulm' };
  await scene.call({ operation: `POST ${schema}/fields`, params, body: { fields: [field] } });
  await scene.call({
    operation: `PATCH ${schema}/fields/{field_id}`,
    params: [...params, 'city'],
    body: { label: 'Town' },
  });
  await scene.call({ operation: `DELETE ${schema}/fields/{field_id}`, params: [...params, 'city'] });
  await scene.call({
    operation: `PUT ${schema}/primary_keys`,
    params,
    body: { fields: [{ field_id: 'id', is_primary_key: true }] },
  });
  await scene.call({ operation: `DELETE ${schema}/primary_keys`, params });
}

/** Requests to the system behind a connection. */
export async function callProxy(scene: Scene): Promise<void> {
  const params = [scene.furniture.httpApiId];
  const request = { method: 'GET', path: '/healthz' };
  await scene.call({ operation: 'POST /api/connections/{id}/proxy', params, body: { request } });
  await scene.call({ operation: 'GET /api/connections/{id}/proxy/info', params });
}

/** What no connection of ours can do yet, and says so. */
export async function callRefusals(scene: Scene): Promise<void> {
  const body = { name: scene.freshName('page'), redirect_url: 'https://example.org/back' };
  await scene.call({ operation: 'POST /api/connections/connect', body, status: 422 });
}
