import { type Scene, UNKNOWN_ID } from '../scene.ts';
import { modelBody } from './models.ts';

const SYNCS = '/api/syncs';

/** Model syncs: kept and checked, not started. */
export async function callModelSyncs(scene: Scene): Promise<void> {
  await callTargets(scene);
  const model = await scene.make('POST', '/api/models', modelBody(scene));
  const made = await scene.call({ operation: `POST ${SYNCS}`, body: syncBody(scene, model.id) });
  const params = [made?.data.id ?? ''];
  await scene.call({ operation: `GET ${SYNCS}` });
  await scene.call({ operation: `GET ${SYNCS}/schedules` });
  await scene.call({ operation: `GET ${SYNCS}/{id}`, params });
  await scene.call({
    operation: [`PUT ${SYNCS}/{id}`, `PATCH ${SYNCS}/{id}`],
    params,
    body: syncBody(scene, model.id),
  });
  await scene.call({ operation: `POST ${SYNCS}/{id}/activate`, params, body: { active: true } });
  await scene.call({ operation: `GET ${SYNCS}/{id}/status`, params });
  await callExecutions(scene, params[0] ?? '');
  await scene.call({ operation: `POST ${SYNCS}/{id}/cancel`, params });
  await scene.call({ operation: `DELETE ${SYNCS}/{id}`, params });
}

function syncBody(scene: Scene, modelId: string): Record<string, unknown> {
  const source = (field: string) => ({ model_id: modelId, field });
  return {
    name: scene.freshName('people'),
    mode: 'updateOrCreate',
    target: { connection_id: scene.furniture.destinationId, object: 'public.people' },
    identity: { source: source('id'), target: 'id', function: 'Equality' },
    fields: [{ source: source('email'), target: 'email' }],
    schedule: { frequency: 'manual' },
  };
}

/** No model sync runs yet, so there is no execution to be found. */
async function callExecutions(scene: Scene, syncId: string): Promise<void> {
  const executions = `${SYNCS}/{sync_id}/executions`;
  await scene.call({ operation: `POST ${executions}`, params: [syncId], body: {}, status: 422 });
  await scene.call({ operation: `GET ${executions}`, params: [syncId] });
  const params = [syncId, UNKNOWN_ID];
  const lost = { status: 404 };
  await scene.call({ operation: `GET ${executions}/{id}`, params, ...lost });
  await scene.call({ operation: `POST ${executions}/{id}/cancel`, params, ...lost });
  await scene.call({ operation: `PUT ${executions}/{id}`, params, body: { status: 'canceled' }, ...lost });
  await scene.call({ operation: `GET ${executions}/{id}/consolelog`, params, ...lost });
  await scene.call({ operation: `GET ${executions}/{id}/{type}`, params: [...params, 'records'], ...lost });
  await scene.call({
    operation: `GET ${executions}/{id}/{type}/{filename}`,
    params: [...params, 'records', 'records.json'],
    ...lost,
  });
}

async function callTargets(scene: Scene): Promise<void> {
  const params = [scene.furniture.destinationId];
  const targets = '/api/connections/{id}/modelsync';
  const objects = await scene.call({ operation: `GET ${targets}/targetobjects`, params });
  const property: string = objects?.target_creation?.properties?.[0]?.id ?? 'schema';
  await scene.call({
    operation: `GET ${targets}/targetobjects/properties/{property}`,
    params: [...params, property],
  });
  await scene.call({ operation: [`GET ${targets}/target`, 'GET /api/connections/{id}/target'], params });
  await scene.call({
    operation: `GET ${targets}/target/fields`,
    params,
    query: { target: 'public.people', refresh: false },
  });
  await scene.call({
    operation: 'POST /api/connections/{id}/target/fields',
    params,
    body: { target: 'public.people', refresh: false },
  });
}
