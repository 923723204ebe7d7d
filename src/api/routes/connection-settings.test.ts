import { describe, expect, it } from 'vitest';
import { useMemoryConnections } from '../../../tests/setup/memory-connections.ts';

const { api, create } = useMemoryConnections();

describe('the limit of a connection', () => {
  const send = (method: 'GET' | 'PUT', id: string, body?: object) =>
    api.send({ method, url: `/api/x/connections/${id}/settings`, ...(body === undefined ? {} : { body }) });

  it('is none at first, is stored, and goes away when it is left out', async () => {
    const { id } = await create();
    expect((await send('GET', id)).json()).toEqual({ data: { max_lanes: null } });
    expect((await send('PUT', id, { max_lanes: 3 })).json()).toEqual({ data: { max_lanes: 3 } });
    expect((await send('GET', id)).json()).toEqual({ data: { max_lanes: 3 } });
    expect((await send('PUT', id, {})).json()).toEqual({ data: { max_lanes: null } });
    expect((await send('GET', id)).json()).toEqual({ data: { max_lanes: null } });
  });

  it.each([0, 1.5, 1_001])('is refused as %d', async (limit) => {
    const { id } = await create();
    const answer = await send('PUT', id, { max_lanes: limit });
    expect([answer.statusCode, answer.body]).toEqual([422, expect.stringContaining('max_lanes')]);
  });

  it('is not found for a connection that is not there', async () => {
    const nowhere = '00000000-0000-4000-8000-000000000000';
    expect((await send('GET', nowhere)).statusCode).toBe(404);
    expect((await send('PUT', nowhere, { max_lanes: 1 })).statusCode).toBe(404);
  });
});
