import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createMemorySystem } from '../../../tests/setup/memory-connector.ts';
import { refreshSchemas } from '../schemas/refresh.ts';

const PEOPLE = {
  id: 'public.people',
  name: 'people',
  primaryKey: [],
  fields: [],
  estimatedRecords: null,
  estimatedBytes: null,
};

/** Takes `refetch` only. */
const system = createMemorySystem([PEOPLE]);
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [system.definition] });
});
afterAll(() => api[Symbol.asyncDispose]());

it('refuses a schedule whose resync mode the destination does not offer', async () => {
  const connect = async (name: string): Promise<string> => {
    const body = { name, type: 'memory', configuration: { hostname: 'h', password: 'right' } };
    return (await api.send({ method: 'POST', url: '/api/connections', body })).json().data.id;
  };
  const [from, to] = [await connect('source'), await connect('destination')];
  const pending = { organizationId: api.keys.organizationId, connectionId: from };
  await refreshSchemas(api.services, pending, AbortSignal.timeout(10_000));
  const make = (resync_mode: string) =>
    api.send({
      method: 'POST',
      url: '/api/bulk/syncs',
      body: {
        name: resync_mode,
        mode: 'replicate',
        source_connection_id: from,
        destination_connection_id: to,
        destination_configuration: { schema: resync_mode },
        default_schedule: { frequency: 'manual' },
        additional_schedules: [
          { frequency: 'continuous', resync_mode: 'normal' },
          { frequency: 'continuous', resync_mode },
          // Kept for when it has a time again.
          { frequency: 'manual', resync_mode: 'refetch' },
        ],
      },
    });
  expect((await make('refetch')).statusCode).toBe(200);
  const refused = await make('rebuild');
  expect(refused.statusCode).toBe(422);
  expect(refused.json().message).toMatch(/`additional_schedules\[1\]\.resync_mode`.*normal, refetch/);
});
