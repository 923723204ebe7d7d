import type { Scene } from '../scene.ts';

/** A model of a table, as every version takes it. */
export function modelBody(scene: Scene): Record<string, unknown> {
  return {
    name: scene.freshName('customers'),
    connection_id: scene.furniture.sourceId,
    configuration: { table: 'public.customers' },
  };
}

/** Models, the sources that they are made from, and the jobs that make them. */
export async function callModels(scene: Scene): Promise<void> {
  await callSources(scene);
  const made = await scene.call({ operation: 'POST /api/models', body: modelBody(scene) });
  const params = [made?.data.id ?? ''];
  await scene.call({ operation: 'GET /api/models' });
  await scene.call({ operation: 'GET /api/models/{id}', params });
  await scene.call({ operation: ['PUT /api/models/{id}', 'PATCH /api/models/{id}'], params, body: modelBody(scene) });
  await scene.call({ operation: 'GET /api/models/{id}/sample', params });
  await scene.call({ operation: 'POST /api/model-preview', body: modelBody(scene) });
  const asked = await scene.call({ operation: 'GET /api/models/{id}/sample', params, query: { async: true } });
  const job = [asked?.job?.type ?? 'samplemodel', asked?.job?.job_id ?? ''];
  await scene.until({ operation: 'GET /api/jobs/{type}/{id}', params: job }, (body) => body?.data?.status === 'done');
  await scene.call({ operation: 'DELETE /api/models/{id}', params });
}

async function callSources(scene: Scene): Promise<void> {
  const { sourceId } = scene.furniture;
  const [params, configuration] = [[sourceId], { table: 'public.customers' }];
  const source = '/api/connections/{id}/modelsync/source';
  await scene.call({ operation: [`GET ${source}`, 'GET /api/connections/{id}/source'], params });
  await scene.call({ operation: `GET ${source}/fields`, params, query: { params: configuration } });
  await scene.call({
    operation: 'POST /api/connections/{id}/source/fields',
    params,
    body: { query: configuration },
  });
  await scene.call({ operation: 'GET /api/connections/{id}/modelsync/enrichment-source', params, status: 404 });
  await scene.call({
    operation: 'POST /api/enrichment/{connection_id}/inputfields',
    params,
    body: { configuration: {} },
    status: 404,
  });
}

/** Queries that people write. */
export async function callQueries(scene: Scene): Promise<void> {
  const asked = await scene.call({
    operation: 'POST /api/connections/{connection_id}/query',
    params: [scene.furniture.sourceId],
    query: { query: 'SELECT id, email FROM customers ORDER BY id' },
    body: {},
  });
  const params = [asked?.data.id ?? ''];
  await scene.until({ operation: 'GET /api/queries/{id}', params }, (body) => body?.data?.status === 'done');
}
