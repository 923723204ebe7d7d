import { describe, expect, it, vi } from 'vitest';
import { type Answer, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { WAITING_FOR_US } from '../../../tests/setup/databases.ts';
import { updateConnection } from '../../store/index.ts';

const fixture = useBulkFixture();

describe('connections in 2023-04-25', () => {
  const patch = (id: string, request: unknown): Promise<Answer> =>
    fixture.send('PATCH', `/api/connections/${id}`, request, '2023-04-25');

  it('keep what a change leaves out, the password included', async () => {
    const id = await fixture.connect('in parts', fixture.source);
    const { body: before } = await fixture.send('GET', `/api/connections/${id}`);
    const { status, body: answer } = await patch(id, { name: 'renamed', healthcheck_interval: '5m' });
    expect([status, answer.message]).toEqual([200, undefined]);
    const { name, healthcheck_interval, configuration, policies } = answer.data;
    expect({ name, healthcheck_interval, configuration, policies }).toEqual({
      name: 'renamed',
      healthcheck_interval: '5m',
      configuration: before.data.configuration,
      policies: before.data.policies,
    });
  });

  it('are not taken back to what somebody else changed at the same time', async () => {
    const { services, keys } = fixture.api;
    const id = await fixture.connect('at the same time', fixture.source);
    let answer: Promise<Answer> | undefined;
    await services.store.transaction(async ({ db, client }) => {
      await updateConnection(db, keys.organizationId, id, { name: 'changed by another' });
      answer = patch(id, { healthcheck_interval: '5m' });
      await vi.waitUntil(async () => (await client.query(WAITING_FOR_US)).rows.length > 0, { timeout: 60_000 });
    });
    const { status, body: refused } = (await answer) ?? {};
    expect([status, refused.key]).toEqual([409, 'CHANGED_MEANWHILE']);
    const { body: after } = await fixture.send('GET', `/api/connections/${id}`);
    expect(after.data.name).toBe('changed by another');
    expect(after.data).not.toHaveProperty('healthcheck_interval');
  });

  it('lay a configuration over the stored one, and prove it', async () => {
    const id = await fixture.connect('laid over', fixture.source);
    const { body: answer } = await patch(id, { configuration: { username: 'nobody_of_this_name' } });
    expect([answer.status, answer.key]).toEqual([422, 'CONN_AUTH_REFUSED']);
    expect((await patch(id, { configuration: {} })).status).toBe(200);
    expect((await patch(id, { type: 'duckdb' })).body.metadata.field).toBe('type');
    expect((await patch(id, { configuration: { colour: 'blue' } })).status).toBe(400);
  });
});
