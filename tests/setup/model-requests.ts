import { expect } from 'vitest';
import { API_VERSIONS } from '../../src/contract/index.ts';
import { readContract } from '../compatibility/contract.ts';
import { type BulkFixture, useBulkFixture } from './bulk-fixture.ts';

// Answers are looked at in every depth; their shapes are proved against the published documents.
type Body = ReturnType<typeof JSON.parse>;
type Method = Parameters<BulkFixture['send']>[0];

/** A bulk fixture whose API is asked about models. */
export interface ModelRequests {
  readonly fixture: BulkFixture;
  /** Sends one request, proves its answer against the published document, and answers it. */
  ask(status: number, operation: string, url: string, body?: unknown, version?: string): Promise<Body>;
  /** A complete request for a model of the customers; `changes` lie over it, undefined takes a field away. */
  modelBody(changes?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Makes a model, and answers it. */
  make(changes?: Readonly<Record<string, unknown>>): Promise<Body>;
}

/** One for all tests of the file. */
export function useModelRequests(): ModelRequests {
  const fixture = useBulkFixture();
  const ask: ModelRequests['ask'] = (...request) => askFixture(fixture, ...request);
  const modelBody: ModelRequests['modelBody'] = (changes) => ({
    name: 'Customers',
    connection_id: fixture.sourceId,
    configuration: { table: 'public.customers' },
    ...changes,
  });
  return {
    fixture,
    ask,
    modelBody,
    make: async (changes) => (await ask(200, 'POST /api/models', '/api/models', modelBody(changes))).data,
  };
}

/** The names of a model's fields. */
export function namesOf(model: Body): string[] {
  return model.fields.map((field: { name: string }) => field.name);
}

const CONTRACTS = new Map<string, ReturnType<typeof readContract>>(
  API_VERSIONS.map((version) => [version, readContract(version)]),
);

async function askFixture(
  fixture: BulkFixture,
  ...[status, operation, url, body, version = API_VERSIONS[0]]: Parameters<ModelRequests['ask']>
): Promise<Body> {
  // An operation begins with its method.
  const [method] = operation.split(' ') as [Method];
  const answer = await fixture.send(method, url, body, version);
  expect([url, answer.status, answer.status === status ? '' : answer.body]).toEqual([url, status, '']);
  if (answer.body === null) return null;
  const contract = CONTRACTS.get(version);
  expect([url, contract?.check(operation, status, answer.body)]).toEqual([url, []]);
  if (status < 300) expect([url, contract?.listUnknownKeys(operation, status, answer.body)]).toEqual([url, []]);
  return answer.body;
}
