import { API_VERSIONS, type ApiVersion, VERSION_HEADER } from '../contract/index.ts';

/** Parts of an OpenAPI document, read and written by name. */
type Node = Record<string, unknown>;

const PARAMETERS: Node = {
  ApiVersion: {
    name: VERSION_HEADER,
    in: 'header',
    required: false,
    description: 'The version to be served; without it the default of this server.',
    schema: { type: 'string', enum: [...API_VERSIONS] },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'Makes the request repeatable: for 24 hours the same key gets the first answer again.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9_-]+$', minLength: 8, maxLength: 255 },
  },
};

const ALWAYS: Readonly<Record<number, string>> = {
  400: 'The request does not fit this operation, or asks for a version that is not served',
  403: 'The caller may not do this',
  429: 'Too many requests; the header Retry-After says how long to wait',
  500: 'A defect of Millrace',
};
const OF_PATHS: Readonly<Record<number, string>> = { 404: 'An id in the path is unknown' };
const OF_WRITES: Readonly<Record<number, string>> = {
  409: 'Something else is under way that excludes this',
  422: 'Well formed, but refused by a rule or by the system behind a connection',
};

const OF_THE_PROXY: Readonly<Record<number, string>> = {
  413: 'The body is larger than is passed on',
  502: 'The system behind the connection was not reached, or broke off',
  504: 'The system behind the connection did not answer in time',
};

/**
 * Writes into a document what the server does for every operation alike: headers that each takes, the version that each
 * answers, and the errors that each may end with.
 */
export function addGenerals(document: Node, version: ApiVersion): Node {
  const components = document.components as Node;
  const headers = { ApiVersion: { description: 'The version that was served.', schema: { const: version } } };
  const paths = document.paths as Record<string, Record<string, Node>>;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) addToOperation(operation, method, path);
  }
  return { ...document, components: { ...components, parameters: PARAMETERS, headers } };
}

function addToOperation(operation: Node, method: string, path: string): void {
  const own = (operation.parameters ?? []) as Node[];
  const isWrite = method !== 'get';
  operation.parameters = [
    ...own,
    { $ref: '#/components/parameters/ApiVersion' },
    ...(isWrite ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
  ];
  const errors = {
    ...(path.includes('{') ? OF_PATHS : {}),
    ...(isWrite ? OF_WRITES : {}),
    ...(path.endsWith('/proxy') ? OF_THE_PROXY : {}),
    ...ALWAYS,
  };
  const responses = operation.responses as Record<string, Node>;
  const content = responses.default?.content;
  for (const [status, description] of Object.entries(errors)) responses[status] ??= { description, content };
  for (const response of Object.values(responses)) {
    response.headers = { [VERSION_HEADER]: { $ref: '#/components/headers/ApiVersion' } };
  }
}
