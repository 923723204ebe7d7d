import { describe, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { type Answer, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { happen, startSync } from '../../../tests/setup/executions.ts';
import { VERIFICATION } from '../../core/index.ts';
import { createInstallationKey } from '../../operations/index.ts';
import { recordExecutionEvent } from '../../store/index.ts';

const fixture = useBulkFixture();
const VERSIONS = ['2025-09-18', '2024-02-08', '2023-04-25'] as const;
const contracts = new Map(VERSIONS.map((version) => [version, readContract(version)]));

type Version = (typeof VERSIONS)[number];
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** An answer that is proved against the published document; `operation` names its path there where that differs. */
async function ask(
  method: Method,
  url: string,
  { body, version = VERSIONS[0], path }: { body?: unknown; version?: Version; path?: string } = {},
): Promise<Answer> {
  const answer = await fixture.send(method, url, body, version);
  const operation = `${method} ${path ?? url.split('?')[0]}`;
  const contract = contracts.get(version);
  if (contract?.operations.has(operation) && answer.body) {
    expect([operation, contract.check(operation, answer.status, answer.body)]).toEqual([operation, []]);
    if (answer.status === 200) expect(contract.listUnknownKeys(operation, 200, answer.body)).toEqual([]);
  }
  return answer;
}

/** Runs an execution to one of its ends, as the engine would record it. */
async function run(
  end: Parameters<typeof happen>[2],
  statusMessage?: string,
): Promise<{ sync: string; execution: string }> {
  const sync = await fixture.createSync();
  const execution = await startSync(fixture.api, sync);
  await happen(fixture.api, execution, 'start');
  const changes = statusMessage === undefined ? {} : { statusMessage };
  await recordExecutionEvent(fixture.api.services.store, execution, end, changes);
  return { sync, execution };
}

describe('events', () => {
  it('tell the beginning and each end of an execution, newest first', async () => {
    const { sync, execution } = await run('fail', 'The table is gone.');
    const { data } = (await ask('GET', '/api/events?limit=2')).body;
    const common = {
      organization_id: fixture.api.keys.organizationId,
      sync_id: sync,
      sync_name: expect.any(String),
      execution_id: execution,
      source_connection_id: fixture.sourceId,
      destination_connection_id: fixture.destinationId,
    };
    expect(data.map(({ type, event }: Record<string, unknown>) => [type, event])).toEqual([
      ['bulk_sync.failed', { ...common, trigger_source: 'manual', error: 'The table is gone.' }],
      ['bulk_sync.running', common],
    ]);
  });

  it.each([
    ['complete', 'bulk_sync.completed'],
    ['complete_with_errors', 'bulk_sync.completed_with_error'],
    ['settle_cancel', 'bulk_sync.canceled'],
    ['give_up', 'bulk_sync.failed'],
  ] as const)('call %s %s', async (end, type) => {
    const { execution } = await run(end);
    const { data } = (await ask('GET', '/api/events?limit=1')).body;
    expect(data).toMatchObject([{ type, event: { execution_id: execution } }]);
  });

  it('do not tell a start twice, nor a comparison', async () => {
    const sync = await fixture.createSync();
    const execution = await startSync(fixture.api, sync);
    const comparison = await startSync(fixture.api, await fixture.createSync());
    const { db } = fixture.api.services.store;
    await db.updateTable('executions').set({ type: VERIFICATION }).where('id', '=', comparison).execute();
    for (const id of [execution, execution, comparison]) await happen(fixture.api, id, 'start');
    const { data } = (await ask('GET', '/api/events?limit=3')).body;
    const told = data.map(({ event }: { event: { execution_id: string } }) => event.execution_id);
    expect([told.filter((id: string) => id === execution).length, told.includes(comparison)]).toEqual([1, false]);
  });

  it('are filtered by type under both names, by time, and come in pages', async () => {
    await run('complete');
    await run('fail');
    const types = async (query: string, version?: Version): Promise<string[]> => {
      const { body } = await ask('GET', `/api/events?${query}`, version === undefined ? {} : { version });
      return body.data.map(({ type }: { type: string }) => type);
    };
    expect(new Set(await types('type=bulk_sync.completed'))).toEqual(new Set(['bulk_sync.completed']));
    expect(new Set(await types('event_type=bulk_sync.completed'))).toEqual(new Set(['bulk_sync.completed']));
    const first = (await ask('GET', '/api/events?limit=1')).body;
    const [{ created_at: newest }] = first.data;
    expect(await types(`starting_after=${encodeURIComponent('2999-01-01T00:00:00Z')}`)).toEqual([]);
    const earlier = (await ask('GET', `/api/events?limit=100&ending_before=${newest}`)).body.data;
    expect(earlier.map(({ id }: { id: string }) => id)).not.toContain(first.data[0].id);
    expect(await types(`starting_after=${newest}`)).toEqual([]);
    const token = first.pagination.next_page_token;
    const second = (await ask('GET', `/api/events?limit=1&page_token=${token}`)).body;
    expect(second.data[0].id).toBe(earlier[0].id);
    expect((await ask('GET', `/api/events?limit=1&type=bulk_sync.failed&page_token=${token}`)).status).toBe(400);
    expect((await ask('GET', '/api/events?limit=1', { version: '2024-02-08' })).body).not.toHaveProperty('pagination');
    expect(await types('limit=1', '2023-04-25')).toHaveLength(1);
    expect((await types('')).length).toBe(10);
  });

  it.each([
    ['type', '2025-09-18'],
    ['event_type', '2025-09-18'],
    ['type', '2024-02-08'],
    ['type', '2023-04-25'],
  ] as const)('are refused with %s in %s when no event has that type', async (field, version) => {
    const { status, body } = await ask('GET', `/api/events?${field}=bulk_sync.finished`, { version });
    expect([status, body.metadata.fields]).toEqual([
      400,
      [{ field, problem: expect.stringContaining('bulk_sync.completed,') }],
    ]);
    expect((await ask('GET', `/api/events?${field}=sync.completed`, { version })).body.data).toEqual([]);
  });

  it('older than 48 hours are not shown', async () => {
    const { execution } = await run('complete');
    const { db } = fixture.api.services.store;
    await db
      .updateTable('events')
      .set({ createdAt: new Date(Date.now() - 49 * 3_600_000) })
      .execute();
    const { data } = (await ask('GET', '/api/events?limit=100')).body;
    expect(JSON.stringify(data)).not.toContain(execution);
  });

  it('refuse another organization, and times that are none', async () => {
    expect((await ask('GET', `/api/events?organization_id=${UNKNOWN_ID}`)).status).toBe(422);
    expect((await ask('GET', `/api/events?organization_id=${fixture.api.keys.organizationId}`)).status).toBe(200);
    expect((await ask('GET', '/api/events?starting_after=yesterday')).status).toBe(400);
  });

  it.each(VERSIONS)('have ten types in %s', async (version) => {
    const { data } = (await ask('GET', '/api/events_types', { version })).body;
    expect(data).toHaveLength(10);
    expect(data).toContain('bulk_sync.completed_with_error');
  });
});

describe('webhooks', () => {
  const endpoint = 'https://hooks.example/millrace';
  const one = '/api/webhooks/{id}';

  it.each(VERSIONS)('are made, read, changed and deleted in %s; the secret never comes back', async (version) => {
    const made = await ask('POST', '/api/webhooks', { body: { endpoint, secret: 'planted-secret' }, version });
    expect(made.body.data).toMatchObject({ endpoint, secret: '********' });
    const { id } = made.body.data;
    const url = `/api/webhooks/${id}`;
    expect((await ask('GET', '/api/webhooks', { version })).body.data).toEqual([made.body.data]);
    expect((await ask('GET', url, { version, path: one })).body.data).toEqual(made.body.data);
    const method = version === '2023-04-25' ? 'PATCH' : 'PUT';
    const body = { endpoint: `${endpoint}/2`, secret: '********' };
    const changed = await ask(method, url, { body, version, path: one });
    expect(changed.body.data).toMatchObject({ id, endpoint: `${endpoint}/2`, secret: '********' });
    const { db, secrets } = fixture.api.services.store;
    const row = await db.selectFrom('webhooks').selectAll().executeTakeFirstOrThrow();
    const owner = { organizationId: row.organizationId, connectionId: row.id };
    expect([row.secret.includes('planted-secret'), secrets.unseal(row.secret, owner)]).toEqual([
      false,
      { secret: 'planted-secret' },
    ]);
    expect((await ask('DELETE', url, { version, path: one })).status).toBe(200);
    expect((await ask('GET', url, { version, path: one })).status).toBe(404);
  });

  it('are disabled and enabled; a second one is refused', async () => {
    const { id } = (await ask('POST', '/api/webhooks', { body: { endpoint, secret: 's' } })).body.data;
    const second = await ask('POST', '/api/webhooks', { body: { endpoint, secret: 's' } });
    expect([second.status, second.body.message]).toEqual([422, expect.stringContaining('has a webhook already')]);
    const off = await ask('POST', `/api/webhooks/${id}/disable`, { path: '/api/webhooks/{id}/disable' });
    const on = await ask('POST', `/api/webhooks/${id}/enable`, { path: '/api/webhooks/{id}/enable' });
    expect([off.body.data.disabled, on.body.data.disabled]).toEqual([true, false]);
    await ask('DELETE', `/api/webhooks/${id}`);
  });

  it.each([
    [{ endpoint }, 400, 'secret'],
    [{ secret: 's' }, 400, 'endpoint'],
    [{ endpoint, secret: '' }, 400, 'secret'],
    [{ endpoint, secret: 7 }, 400, 'secret'],
    [{ endpoint, secret: 's', more: 1 }, 400, 'more'],
    [{ endpoint: 'ftp://example.com', secret: 's' }, 422, 'endpoint'],
    [{ endpoint: 'https://user:pw@example.com', secret: 's' }, 422, 'endpoint'],
    [{ endpoint: 'https://example.com/\r\nX: y', secret: 's' }, 422, 'endpoint'],
    [{ endpoint, secret: '********' }, 422, 'secret'],
    [{ endpoint, secret: 's', organization_id: UNKNOWN_ID }, 422, 'organization_id'],
  ])('refuse %j with %i', async (body, status, field) => {
    const answer = await ask('POST', '/api/webhooks', { body });
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringContaining(field)]);
  });

  it('unknown ones are 404', async () => {
    const url = `/api/webhooks/${UNKNOWN_ID}`;
    const body = { endpoint, secret: 's' };
    const answers = await Promise.all([
      ask('GET', url),
      ask('PUT', url, { body }),
      ask('DELETE', url),
      ask('POST', `${url}/enable`),
      ask('GET', `/api/x/webhooks/${UNKNOWN_ID}/deliveries`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
  });
});

describe('subscribers to errors', () => {
  const url = '/api/notifications/global-error-subscribers';

  it.each(['2025-09-18', '2024-02-08'] as const)(
    'are replaced and listed without an envelope in %s',
    async (version) => {
      const emails = ['one@example.com', 'two@example.com'];
      const body = { emails: [...emails, 'ONE@example.com'] };
      expect((await ask('PUT', url, { body, version })).body).toEqual({ emails: ['ONE@example.com', emails[1]] });
      expect((await ask('GET', url, { version })).body).toEqual({ emails: ['ONE@example.com', emails[1]] });
      expect((await ask('PUT', url, { body: { emails: null }, version })).body).toEqual({ emails: [] });
    },
  );

  it('refuses what is no address, and more than a hundred', async () => {
    expect((await ask('PUT', url, { body: { emails: ['nobody'] } })).status).toBe(400);
    const emails = Array.from({ length: 101 }, (_, index) => `n${index}@example.com`);
    expect((await ask('PUT', url, { body: { emails } })).status).toBe(422);
  });
});

describe('who is no Admin', () => {
  it('reads what is told, but changes nothing about it, and reads no changes', async () => {
    const email = 'viewer@example.org';
    await fixture.send('POST', '/api/organization/users', { email, role: 'viewer' });
    const { services } = fixture.api;
    const made = await createInstallationKey(services, { kind: 'user', organizationId: null, email });
    const ask = async (method: Method, url: string, body?: unknown): Promise<number> => {
      const authorization = `Bearer ${made.key}`;
      const request = { method, url, authorization, ...(body === undefined ? {} : { body }) };
      return (await fixture.api.send(request)).statusCode;
    };
    const webhook = { endpoint: 'https://hooks.example', secret: 's' };
    const { id } = (await fixture.send('POST', '/api/webhooks', webhook)).body.data;
    const subscribers = '/api/notifications/global-error-subscribers';
    expect([await ask('GET', '/api/events'), await ask('GET', '/api/webhooks'), await ask('GET', subscribers)]).toEqual(
      [200, 200, 200],
    );
    const refused = [
      await ask('POST', '/api/webhooks', webhook),
      await ask('PUT', `/api/webhooks/${id}`, webhook),
      await ask('POST', `/api/webhooks/${id}/disable`),
      await ask('DELETE', `/api/webhooks/${id}`),
      await ask('PUT', subscribers, { emails: [] }),
      await ask('GET', '/api/x/audit'),
    ];
    expect(refused).toEqual([403, 403, 403, 403, 403, 403]);
  });

  it('is told of no sync that it may not read', async () => {
    const { execution } = await run('complete');
    const email = 'nobody@example.org';
    const role = (await fixture.send('POST', '/api/permissions/roles', { name: 'Nobody' })).body.data.id;
    await fixture.send('POST', '/api/organization/users', { email, role_ids: [role] });
    const request = { kind: 'user', organizationId: null, email } as const;
    const { key } = await createInstallationKey(fixture.api.services, request);
    const read = (authorization?: string) =>
      fixture.api.send({ url: '/api/events', ...(authorization === undefined ? {} : { authorization }) });
    expect((await read()).body).toContain(execution);
    expect((await read(`Bearer ${key}`)).json().data).toEqual([]);
  });
});
