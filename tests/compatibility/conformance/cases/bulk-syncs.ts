import type { Scene } from '../scene.ts';

/** Body of a create or update, in the words of the version. */
function syncBody(scene: Scene, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { sourceId, destinationId } = scene.furniture;
  const name = scene.freshName('sync');
  return {
    name,
    mode: 'replicate',
    source_connection_id: sourceId,
    destination_connection_id: destinationId,
    destination_configuration: { schema: name.replaceAll(/\W+/g, '_').toLowerCase() },
    ...(scene.version === '2025-09-18'
      ? { default_schedule: { frequency: 'manual' } }
      : { schedule: { frequency: 'manual' } }),
    schemas: ['public.orders', 'public.customers'],
    ...changes,
  };
}

/** Bulk syncs and their schemas. */
export async function callBulkSyncs(scene: Scene): Promise<void> {
  const made = await scene.call({ operation: 'POST /api/bulk/syncs', body: syncBody(scene) });
  const id: string | undefined = made?.data.id;
  await scene.call({ operation: 'GET /api/bulk/syncs' });
  if (id === undefined) return;
  const params = [id];
  await scene.call({ operation: 'GET /api/bulk/syncs/{id}', params });
  await scene.call({
    operation: ['PUT /api/bulk/syncs/{id}', 'PATCH /api/bulk/syncs/{id}'],
    params,
    body: syncBody(scene, { schemas: undefined }),
  });
  await scene.call({ operation: 'POST /api/bulk/syncs/{id}/activate', params, body: { active: true } });
  await callSchemasOf(scene, id);
  await callSchedulesOf(scene, id);
  await scene.call({ operation: 'DELETE /api/bulk/syncs/{id}', params });
}

async function callSchemasOf(scene: Scene, id: string): Promise<void> {
  const schemas = '/api/bulk/syncs/{id}/schemas';
  const orders = [id, 'public.orders'];
  await scene.call({ operation: `GET ${schemas}`, params: [id] });
  await scene.call({
    operation: `PATCH ${schemas}`,
    params: [id],
    body: { schemas: [{ id: 'public.orders', fields: [{ id: 'id', obfuscated: true }] }] },
  });
  await scene.call({ operation: `GET ${schemas}/{schema_id}`, params: orders });
  await scene.call({
    operation: [`PUT ${schemas}/{schema_id}`, `PATCH ${schemas}/{schema_id}`],
    params: orders,
    body: { enabled: true },
  });
}

async function callSchedulesOf(scene: Scene, id: string): Promise<void> {
  const schedules = '/api/bulk/syncs/{sync_id}/schedules';
  const body = { schedule: { frequency: 'daily', hour: '1', minute: '0', selectiveMode: 'none' } };
  const made = await scene.call({ operation: `POST ${schedules}`, params: [id], body });
  await scene.call({ operation: `GET ${schedules}`, params: [id] });
  const params = [id, made?.data.id ?? ''];
  await scene.call({ operation: `GET ${schedules}/{schedule_id}`, params });
  await scene.call({ operation: `PUT ${schedules}/{schedule_id}`, params, body });
  await scene.call({ operation: `DELETE ${schedules}/{schedule_id}`, params });
}

/** Executions: one that runs to its end, and one that is stopped. */
export async function callExecutions(scene: Scene): Promise<void> {
  const made = await scene.call({ operation: 'POST /api/bulk/syncs', body: syncBody(scene) });
  const id: string | undefined = made?.data.id;
  if (id === undefined) return;
  const executions = '/api/bulk/syncs/{id}/executions';
  const started = await scene.call({ operation: `POST ${executions}`, params: [id], body: {} });
  const params = [id, started?.data.id ?? ''];
  await scene.until({ operation: `GET ${executions}/{exec_id}`, params }, (body) => body?.data?.completed_at != null);
  await scene.call({ operation: `GET ${executions}`, params: [id] });
  await scene.call({ operation: 'GET /api/bulk/syncs/{id}/status', params: [id] });
  await scene.call({ operation: 'GET /api/bulk/syncs/status', query: { sync_id: [id] } });
  await scene.call({ operation: `GET ${executions}/{exec_id}/consolelog`, params });
  await scene.call({
    operation: `GET ${executions}/{exec_id}/schemas/{schema_id}/consolelog`,
    params: [...params, 'public.orders'],
  });
  await scene.call({ operation: `GET ${executions}/{exec_id}/logs`, params });
  await scene.call({ operation: `POST ${executions}/{exec_id}/logs/export`, params });
  await callCancels(scene, id);
}

/** Nothing has to run for a cancel to be taken. */
async function callCancels(scene: Scene, id: string): Promise<void> {
  const started = await scene.make('POST', `/api/bulk/syncs/${id}/executions`, {});
  const params = [id, 'public.orders'];
  await scene.call({ operation: 'POST /api/bulk/syncs/{id}/schemas/{schema_id}/cancel', params });
  await scene.call({ operation: 'POST /api/bulk/syncs/{id}/executions/{exec_id}/cancel', params: [id, started.id] });
  await scene.call({ operation: 'POST /api/bulk/syncs/{id}/cancel', params: [id] });
}
