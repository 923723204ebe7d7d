import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';

// The package's types describe a CommonJS module; under ESM the function is its `default`.
const addFormats = addFormatsModule.default;

/** Any JSON schema or OpenAPI node, read by name. Casts in this file name what OpenAPI says stands there. */
type Node = Readonly<Record<string, unknown>>;

/** The public description of one API version. */
export interface Contract {
  /** `GET /api/me` → the operation; paths as published, with `{id}`. */
  readonly operations: ReadonlyMap<string, Node>;
  /** What is wrong with an answer; empty = it fits. */
  check(operation: string, status: number, body: unknown): string[];
  /** Keys of an answer that the description does not know, as paths. */
  listUnknownKeys(operation: string, status: number, body: unknown): string[];
  /** Every field of a request's body as a path, such as `schemas[].id`; those that hold others included. */
  listRequestFields(operation: string): string[];
  /** The fields of a request's body on its top level; null = it takes none. */
  describeBody(operation: string): readonly TopField[] | null;
  /** The parameters of a query string. */
  describeQuery(operation: string): readonly TopField[];
}

/** One field of a body, or one parameter of a query. */
export interface TopField {
  readonly name: string;
  readonly isRequired: boolean;
  /** Of JSON; `any` where the description leaves it open. */
  readonly type: string;
  /** A value that fits, and names nothing that exists. */
  readonly sample: unknown;
}

const FOLDER = join(import.meta.dirname, 'contract');

/** Reads the published document of a version. */
export function readContract(version: string): Contract {
  const document = readJson(`api-${version}.json`) as Node;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
  addFormats(ajv);
  ajv.addSchema(document, 'contract');
  const operations = new Map(listOperations(document));
  const compiled = new Map<string, ValidateFunction>();
  return {
    operations,
    check: (operation, status, body) => {
      const pointer = pointerOf(operation, status, operations);
      const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `contract#${pointer}` });
      compiled.set(pointer, validate);
      return validate(body) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
    },
    listUnknownKeys: (operation, status, body) => {
      const schema = resolvePointer(document, pointerOf(operation, status, operations));
      return unknownKeys(document, schema, body, '');
    },
    listRequestFields: (operation) => {
      const [method = '', path = ''] = operation.split(' ');
      const pointer = toPointer(['paths', path, method.toLowerCase(), 'requestBody', 'content', 'application/json']);
      const { schema } = resolvePointer(document, pointer) as { schema: Node };
      return [...new Set(listFields(document, schema, ''))];
    },
    describeBody: (operation) => {
      const body = resolve(document, (operations.get(operation)?.requestBody ?? {}) as Node);
      const { schema } = ((body.content ?? {}) as Record<string, { schema?: Node }>)['application/json'] ?? {};
      return schema === undefined ? null : describeFields(document, schema);
    },
    describeQuery: (operation) => {
      const parameters = ((operations.get(operation)?.parameters ?? []) as Node[]).map((node) =>
        resolve(document, node),
      );
      return parameters
        .filter((parameter) => parameter.in === 'query')
        .map(({ name, required, schema }) =>
          describeField(document, String(name), required === true, (schema ?? {}) as Node),
        );
    },
  };
}

function describeFields(document: Node, schema: Node): TopField[] {
  const resolved = resolve(document, schema);
  const parts = ((resolved.allOf ?? []) as Node[]).flatMap((part) => describeFields(document, part));
  const required = (resolved.required ?? []) as string[];
  const own = Object.entries((resolved.properties ?? {}) as Record<string, Node>).map(([name, inner]) =>
    describeField(document, name, required.includes(name), inner),
  );
  return [...parts, ...own];
}

function describeField(document: Node, name: string, isRequired: boolean, schema: Node): TopField {
  const { type } = pickAlternative(document, schema);
  const known = Array.isArray(type) ? type.find((one) => one !== 'null') : type;
  return { name, isRequired, type: typeof known === 'string' ? known : 'any', sample: sampleOf(document, schema, 0) };
}

/** The first reading of a schema that is not null. */
function pickAlternative(document: Node, schema: Node): Node {
  const resolved = resolve(document, schema);
  const alternatives = (resolved.anyOf ?? resolved.oneOf ?? []) as Node[];
  const first = alternatives.find((part) => resolve(document, part).type !== 'null');
  return first === undefined ? resolved : pickAlternative(document, first);
}

const SAMPLES: Readonly<Record<string, unknown>> = { integer: 1, number: 1, boolean: true, array: [], string: 'text' };
const TEXTS: Readonly<Record<string, string>> = {
  uuid: '00000000-0000-4000-8000-000000000000',
  'date-time': '2026-01-01T00:00:00Z',
  email: 'nobody@example.org',
};

function sampleOf(document: Node, schema: Node, depth: number): unknown {
  const node = pickAlternative(document, schema);
  const [first] = (node.enum ?? []) as unknown[];
  if (first !== undefined) return first;
  const type = Array.isArray(node.type) ? node.type.find((one) => one !== 'null') : node.type;
  if (type === 'string') return TEXTS[String(node.format)] ?? 'text';
  if (type !== 'object' && node.properties === undefined) return SAMPLES[String(type)] ?? 'text';
  if (depth > 3) return {};
  const fields = Object.entries((node.properties ?? {}) as Record<string, Node>);
  const required = (node.required ?? []) as string[];
  return Object.fromEntries(
    fields
      .filter(([name]) => required.includes(name))
      .map(([name, inner]) => [name, sampleOf(document, inner, depth + 1)]),
  );
}

function resolve(document: Node, node: Node): Node {
  return typeof node.$ref === 'string' ? resolve(document, resolvePointer(document, node.$ref.slice(1))) : node;
}

/** One published example answer. */
export function readExample(name: string): unknown {
  return readJson(join('examples', name));
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function listOperations(document: Node): [string, Node][] {
  return Object.entries(document.paths as Record<string, Record<string, Node>>).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]): [string, Node] => [`${method.toUpperCase()} ${path}`, operation]),
  );
}

/** JSON pointer of the schema of one answer; statuses that are not listed have the default's. */
function pointerOf(operation: string, status: number, operations: ReadonlyMap<string, Node>): string {
  const [method = '', path = ''] = operation.split(' ');
  const responses = operations.get(operation)?.responses as Record<string, unknown> | undefined;
  if (responses === undefined) throw new Error(`The contract has no ${operation}.`);
  const key = Object.hasOwn(responses, String(status)) ? String(status) : 'default';
  const parts = ['paths', path, method.toLowerCase(), 'responses', key, 'content', 'application/json', 'schema'];
  return toPointer(parts);
}

function toPointer(parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');
}

/** @param above what holds this; what holds itself is not entered again */
function listFields(document: Node, schema: Node, path: string, above: readonly string[] = []): string[] {
  if (typeof schema.$ref === 'string') {
    if (above.includes(schema.$ref)) return [];
    return listFields(document, resolvePointer(document, schema.$ref.slice(1)), path, [...above, schema.$ref]);
  }
  const alternatives = (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) as Node[];
  const items = schema.items as Node | undefined;
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Node>);
  return [
    ...alternatives.flatMap((alternative) => listFields(document, alternative, path, above)),
    ...(items === undefined ? [] : listFields(document, items, `${path}[]`, above)),
    ...properties.flatMap(([key, property]) => {
      const name = path === '' ? key : `${path}.${key}`;
      return [name, ...listFields(document, property, name, above)];
    }),
  ];
}

function resolvePointer(document: Node, pointer: string): Node {
  const parts = pointer
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
  let node: unknown = document;
  for (const part of parts) node = (node as Node | undefined)?.[part];
  if (node === undefined) throw new Error(`The contract has nothing at ${pointer}.`);
  return node as Node;
}

function unknownKeys(document: Node, schema: Node, value: unknown, path: string): string[] {
  if (typeof schema.$ref === 'string')
    return unknownKeys(document, resolvePointer(document, schema.$ref.slice(1)), value, path);
  const alternatives = (schema.anyOf ?? schema.oneOf ?? schema.allOf) as Node[] | undefined;
  if (alternatives !== undefined) {
    const found = alternatives.map((alternative) => unknownKeys(document, alternative, value, path));
    return found.sort((a, b) => a.length - b.length)[0] ?? [];
  }
  if (Array.isArray(value)) {
    const items = schema.items as Node | undefined;
    return items === undefined ? [] : value.flatMap((item) => unknownKeys(document, items, item, `${path}[]`));
  }
  const properties = schema.properties as Record<string, Node> | undefined;
  if (typeof value !== 'object' || value === null || properties === undefined) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const property = properties[key];
    if (property !== undefined) return unknownKeys(document, property, inner, `${path}.${key}`);
    return schema.additionalProperties === undefined ? [`${path}.${key}`] : [];
  });
}

/** Every key path of a value with the JSON type found there, such as `data.schemas[].id: string`. */
export function listTypedPaths(value: unknown, path = ''): Set<string> {
  const found = new Set([`${path}: ${typeOf(value)}`]);
  const children: readonly (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map((item) => [`${path}[]`, item] as const)
    : typeof value === 'object' && value !== null
      ? Object.entries(value).map(([key, inner]) => [path === '' ? key : `${path}.${key}`, inner] as const)
      : [];
  for (const [inner, child] of children) for (const item of listTypedPaths(child, inner)) found.add(item);
  return found;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
