import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';
import { createMemorySystem } from '../../tests/setup/memory-connector.ts';
import type { ConnectorDefinition } from '../connector-kit/index.ts';
import { SyncError } from '../core/index.ts';
import { checkConnection, takeConnectionToCheck } from '../operations/index.ts';
import { startHealthChecker } from './health-checker.ts';

const system = createMemorySystem([]);
let failure: Error | null = null;
let now = new Date('2026-03-01T12:00:00Z');
const definition: ConnectorDefinition<unknown> = {
  ...system.definition,
  async connect(config, context) {
    const connector = await system.definition.connect(config, context);
    return {
      ...connector,
      check: async () => {
        if (failure !== null) throw failure;
      },
      [Symbol.asyncDispose]: () => connector[Symbol.asyncDispose](),
    };
  },
};
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [definition], clock: () => now });
});
afterAll(() => api[Symbol.asyncDispose]());

let count = 0;
async function connect(interval?: string): Promise<string> {
  failure = null;
  const configuration = { hostname: 'db.example', password: 'right' };
  const body = { name: `Checked ${++count}`, type: 'memory', configuration, healthcheck_interval: interval };
  return (await api.send({ method: 'POST', url: '/api/connections', body })).json().data.id;
}

const show = async (id: string) => (await api.send({ url: `/api/connections/${id}` })).json().data;
const pass = (milliseconds: number) => {
  now = new Date(now.getTime() + milliseconds);
};
const refuse = () => {
  failure = new SyncError('CONN_AUTH_REFUSED', 'The password was refused.');
};

/** Does every check that is due now, and answers whose they were. */
async function work(): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const connection = await takeConnectionToCheck(api.services);
    if (connection === undefined) return ids;
    ids.push(connection.id);
    await checkConnection(api.services, connection);
  }
}

describe('health checks', () => {
  it('look at a connection each time its interval has passed, and at no other', async () => {
    const id = await connect('5m');
    await connect();
    expect(await work()).toEqual([]);
    pass(5 * 60_000);
    expect(await work()).toEqual([id]);
    expect(await work()).toEqual([]);
    pass(5 * 60_000);
    expect(await work()).toEqual([id]);
    await api.send({ method: 'DELETE', url: `/api/connections/${id}` });
  });

  it('say what the system refused, and that it is well again', async () => {
    const id = await connect('1m');
    refuse();
    pass(60_000);
    await work();
    expect(await show(id)).toMatchObject({ status: 'unhealthy', status_error: 'The password was refused.' });
    failure = null;
    pass(60_000);
    await work();
    expect(await show(id)).toMatchObject({ status: 'healthy' });
    expect(await show(id)).not.toHaveProperty('status_error');
    await api.send({ method: 'DELETE', url: `/api/connections/${id}` });
  });

  it('leave the status alone when the failure would pass by itself', async () => {
    const id = await connect('1m');
    failure = new SyncError('FILE_LOCKED', 'A sync works on the file.');
    pass(60_000);
    expect(await work()).toEqual([id]);
    expect(await show(id)).toMatchObject({ status: 'healthy' });
    await api.send({ method: 'DELETE', url: `/api/connections/${id}` });
  });

  it('are done by one process, and by another one when that has died', async () => {
    const id = await connect('1m');
    pass(60_000);
    const taken = await Promise.all([1, 2, 3].map(() => takeConnectionToCheck(api.services)));
    expect(taken.flatMap((one) => one?.id ?? [])).toEqual([id]);
    expect(await work()).toEqual([]);
    pass(120_000);
    expect(await work()).toEqual([id]);
    await api.send({ method: 'DELETE', url: `/api/connections/${id}` });
  });

  it('say nothing of a connection that was changed meanwhile', async () => {
    const id = await connect('1m');
    pass(60_000);
    const taken = await takeConnectionToCheck(api.services);
    if (taken === undefined) throw new Error('nothing was due');
    const body = { name: 'Changed', configuration: { hostname: 'db.example', password: 'right' } };
    await api.send({ method: 'PUT', url: `/api/connections/${id}`, body });
    refuse();
    await checkConnection(api.services, taken);
    expect(await show(id)).toMatchObject({ name: 'Changed', status: 'healthy' });
    pass(3_600_000);
    expect(await work()).toEqual([]);
    await api.send({ method: 'DELETE', url: `/api/connections/${id}` });
  });

  it('go on by themselves, and are ended', async () => {
    const id = await connect('1m');
    refuse();
    pass(60_000);
    const told = Promise.withResolvers<object>();
    const log = { info: (facts: object) => told.resolve(facts), warn: () => {} };
    const checker = startHealthChecker(api.services, { log, pollMs: 5 });
    expect(await told.promise).toMatchObject({ connectionId: id });
    await checker.stop();
    expect(await show(id)).toMatchObject({ status: 'unhealthy' });
  });
});
