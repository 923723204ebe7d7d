import type { Scene } from '../scene.ts';

/** Events, webhooks, subscribers of errors, and what an id stands for. */
export async function callTelling(scene: Scene): Promise<void> {
  await scene.call({ operation: 'GET /api/events_types' });
  await scene.call({ operation: 'GET /api/events', query: { limit: 5 } });
  const emails = { emails: ['errors@example.org'] };
  await scene.call({ operation: 'PUT /api/notifications/global-error-subscribers', body: emails });
  await scene.call({ operation: 'GET /api/notifications/global-error-subscribers' });
  await scene.call({ operation: 'GET /api/entities/{id}', params: [scene.furniture.sourceId] });
  await scene.call({
    operation: 'GET /api/organizations/entities/{id}',
    params: [scene.furniture.sourceId],
    as: 'partner',
  });
  await callWebhooks(scene);
}

async function callWebhooks(scene: Scene): Promise<void> {
  const body = { endpoint: 'http://127.0.0.1:9/events', secret: 'a secret of at least some length' };
  const made = await scene.call({ operation: 'POST /api/webhooks', body });
  await scene.call({ operation: 'GET /api/webhooks' });
  const params = [made?.data.id ?? ''];
  await scene.call({ operation: 'GET /api/webhooks/{id}', params });
  await scene.call({ operation: ['PUT /api/webhooks/{id}', 'PATCH /api/webhooks/{id}'], params, body });
  await scene.call({ operation: 'POST /api/webhooks/{id}/disable', params });
  await scene.call({ operation: 'POST /api/webhooks/{id}/enable', params });
  await scene.call({ operation: 'DELETE /api/webhooks/{id}', params });
}
