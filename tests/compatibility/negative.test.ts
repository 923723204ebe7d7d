import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONNECTORS } from '../../src/connectors/index.ts';
import { API_VERSIONS } from '../../src/contract/index.ts';
import { startTestApi, type TestApi } from '../setup/api.ts';
import type { PlainCall, Transport } from './conformance/calls.ts';
import { sendMisfits } from './conformance/negative.ts';
import { toPath, toQueryString } from './conformance/transports.ts';
import { readContract } from './contract.ts';

// The short form of what `npm run conformance` sends: to each operation some requests that do not fit it.

const PICKS = 2;

let api: TestApi;
let transport: Transport;

beforeAll(async () => {
  api = await startTestApi({ connectors: [...CONNECTORS.values()] });
  transport = {
    name: 'in process',
    send: async ({ operation, params = [], query = {}, body, as }: PlainCall, version) => {
      const answer = await api.send({
        // One of the published methods.
        method: operation.split(' ')[0] as 'GET',
        url: `${toPath(operation, params)}${toQueryString(query)}`,
        body,
        version,
        ...(as === 'partner' ? { authorization: `Bearer ${api.keys.deploymentKey}` } : {}),
      });
      return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() };
    },
  };
});
afterAll(() => api[Symbol.asyncDispose]());

describe.each(API_VERSIONS)('version %s', (version) => {
  it('refuses what does not fit, naming it, and never with a 500', async () => {
    const results = await sendMisfits(readContract(version), transport, version, PICKS);
    expect(results.length).toBeGreaterThan(100);
    expect(results.filter(({ problem }) => problem !== null)).toEqual([]);
  });
});
