import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';
import { API_VERSIONS, type ApiVersion } from '../contract/index.ts';
import { ROUTES } from './routes/index.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: unknown }[];
  readonly requestBody?: unknown;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

async function load(version: ApiVersion): Promise<Document> {
  return (await api.send({ url: `/openapi/${version}.json`, authorization: null })).json();
}

describe.each(API_VERSIONS)('the OpenAPI document of %s', (version) => {
  it('has exactly the operations of that version', async () => {
    const { paths } = await load(version);
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = ROUTES.filter((route) => route.versions.includes(version)).map(
      (route) => `${route.method} ${route.url.replace(/:(\w+)/g, '{$1}')}`,
    );
    expect(documented.sort()).toEqual(served.sort());
  });

  it('refers only to schemas that it has', async () => {
    const document = await load(version);
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
    const missing = [...references]
      .map(([, name]) => name ?? '')
      .filter((name) => !(name in document.components.schemas));
    expect(missing).toEqual([]);
  });
});

it('documents bodies and queries by the schemas that validate', async () => {
  const { paths } = await load('2025-09-18');
  const create = paths['/api/connections']?.post;
  expect(JSON.stringify(create?.requestBody)).toContain('CreateConnectionRequestSchema');
  const source = paths['/api/connections/{id}/bulksync/source']?.get;
  expect(source?.parameters).toContainEqual(
    expect.objectContaining({ name: 'include_fields', in: 'query', required: false, schema: { type: 'boolean' } }),
  );
});

it('gives every operation of a version its own id', async () => {
  const { paths } = await load('2025-09-18');
  const ids = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map((operation) => operation.operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});
