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
  };
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

/** Bodies of requests hold nothing that holds itself. */
function listFields(document: Node, schema: Node, path: string): string[] {
  if (typeof schema.$ref === 'string')
    return listFields(document, resolvePointer(document, schema.$ref.slice(1)), path);
  const alternatives = (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) as Node[];
  const items = schema.items as Node | undefined;
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Node>);
  return [
    ...alternatives.flatMap((alternative) => listFields(document, alternative, path)),
    ...(items === undefined ? [] : listFields(document, items, `${path}[]`)),
    ...properties.flatMap(([key, property]) => {
      const name = path === '' ? key : `${path}.${key}`;
      return [name, ...listFields(document, property, name)];
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
