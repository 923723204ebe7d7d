import { describe, expect, it } from 'vitest';
import { useMemoryConnections } from '../../../tests/setup/memory-connections.ts';

const { api } = useMemoryConnections();

describe('connection types', () => {
  it('lists each connector with its capabilities and form', async () => {
    const { data } = (await api.send({ url: '/api/connection_types' })).json();
    expect(data).toEqual([
      {
        id: 'memory',
        name: 'Memory',
        use_oauth: false,
        capabilities: { source: true, destination: true, enrichment: false, orchestration: false },
        configurationForm: { jsonschema: expect.objectContaining({ type: 'object' }), uischema: {} },
      },
    ]);
  });

  it('answers a bare JSON Schema that marks secrets', async () => {
    const schema = (await api.send({ url: '/api/connection_types/memory' })).json();
    expect(schema).toMatchObject({
      title: 'Memory',
      type: 'object',
      required: ['hostname', 'password'],
      additionalProperties: false,
      properties: { port: { default: 5432 }, password: { type: 'string', writeOnly: true, format: 'password' } },
    });
  });

  it('answers 404 to an unknown type', async () => {
    expect((await api.send({ url: '/api/connection_types/nothing' })).statusCode).toBe(404);
  });
});
