import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { useModelSyncs } from '../../../../tests/setup/model-syncs.ts';

const { send, make } = useModelSyncs();

describe('executions', () => {
  it('are not started, and the refusal says why', async () => {
    const { id } = await make();
    for (const body of [undefined, {}, { resync: true, test: true, identities: ['1'] }]) {
      const { status, body: answer } = await send('POST', `/api/syncs/${id}/executions`, body);
      expect([status, answer.key, answer.message]).toEqual([
        422,
        'MODEL_SYNC_NOT_RUN',
        expect.stringContaining('cannot run them yet'),
      ]);
    }
    expect((await send('POST', `/api/syncs/${id}/executions`, { colour: 1 })).status).toBe(400);
    expect((await send('POST', `/api/syncs/${UNKNOWN_ID}/executions`, {})).status).toBe(404);
    expect((await send('GET', `/api/syncs/${id}/executions`)).body).toEqual({ data: [], pagination: {} });
    expect((await send('GET', `/api/syncs/${id}/executions?page_token=x`)).status).toBe(400);
    expect((await send('GET', `/api/syncs/${id}/status`)).body).toEqual({ data: { next_execution_time: null } });
    expect((await send('POST', `/api/syncs/${id}/cancel`)).body.data.message).toContain('Nothing to cancel');
  });

  it.each([
    ['GET', ''],
    ['POST', '/cancel'],
    ['GET', '/consolelog'],
    ['GET', '/records'],
    ['GET', '/errors/1.json'],
    ['GET', '/colours'],
  ] as const)('that are asked for by %s …%s are unknown', async (method, path) => {
    const { id } = await make();
    const { status, body } = await send(method, `/api/syncs/${id}/executions/${UNKNOWN_ID}${path}`);
    expect([status, body.key]).toEqual([404, 'NOT_FOUND']);
  });
});
