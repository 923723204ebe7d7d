import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';
import { createMemorySystem } from '../../tests/setup/memory-connector.ts';
import { startSchemaRefresher } from './schema-refresher.ts';

const system = createMemorySystem([]);
let api: TestApi;
const log = { warn: () => {} };

beforeAll(async () => {
  api = await startTestApi({ connectors: [system.definition] });
});
afterAll(() => api[Symbol.asyncDispose]());

async function createConnection(name: string): Promise<string> {
  const body = { name, type: 'memory', configuration: { hostname: 'h', password: 'right' } };
  return (await api.send({ method: 'POST', url: '/api/connections', body })).json().data.id;
}

const statusOf = async (id: string): Promise<string> =>
  (await api.send({ url: `/api/connections/${id}/schemas/status` })).json().data.cache_status;

it('fills the cache of a new connection unasked', async () => {
  const refresher = startSchemaRefresher(api.services, { log, pollMs: 10 });
  const id = await createConnection('New');
  await vi.waitUntil(async () => (await statusOf(id)) === 'fresh', { timeout: 60_000 });
  await refresher.stop();
});

it('goes on after a stop in the middle of a refresh', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  system.gate = promise;
  const before = system.discoveries;
  const first = startSchemaRefresher(api.services, { log, pollMs: 10 });
  const id = await createConnection('Interrupted');
  await vi.waitUntil(() => system.discoveries > before, { timeout: 60_000 });
  const stopped = first.stop();
  resolve();
  await stopped;
  expect(await statusOf(id)).toBe('refreshing');
  const second = startSchemaRefresher(api.services, { log, pollMs: 10 });
  await vi.waitUntil(async () => (await statusOf(id)) === 'fresh', { timeout: 60_000 });
  await second.stop();
});
