import { expect } from 'vitest';
import { type TestApi, useTestApi } from './api.ts';
import { createMemorySystem } from './memory-connector.ts';

/** An API whose only system lives in this process, and connections to it. */
export interface MemoryConnections {
  readonly api: TestApi;
  /** A configuration that the system takes. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** A name that no connection has. */
  freshName(): string;
  /** Makes a connection over the API, and answers it; `changes` lie over a request that is taken. */
  create(changes?: object): Promise<{ readonly id: string; readonly [key: string]: unknown }>;
}

/** One for all tests of the file. */
export function useMemoryConnections(): MemoryConnections {
  const api = useTestApi({ connectors: [createMemorySystem([]).definition] });
  const configuration = { hostname: 'db.example', password: 'right' };
  let count = 0;
  const freshName = (): string => {
    count += 1;
    return `Connection ${count}`;
  };
  return {
    api,
    configuration,
    freshName,
    create: async (changes) => {
      const body = { name: freshName(), type: 'memory', configuration, ...changes };
      const answer = await api.send({ method: 'POST', url: '/api/connections', body });
      expect(answer.body).toContain('"data"');
      return answer.json().data;
    },
  };
}
