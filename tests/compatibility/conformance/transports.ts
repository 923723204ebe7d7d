import { PolytomicClient, PolytomicError } from 'polytomic';
import { VERSION_HEADER } from '../../../src/contract/index.ts';
import type { Contract } from '../contract.ts';
import type { Answer, PlainCall, Sender, Transport } from './calls.ts';

/** A server and the keys of those who call it. */
export interface Target {
  readonly url: string;
  readonly keys: Readonly<Record<Exclude<Sender, 'nobody'>, string>>;
}

const LIMIT_MS = 60_000;

/** Requests as anybody would write them. */
export function createHttpTransport({ url, keys }: Target): Transport {
  return {
    name: 'HTTP',
    send: async ({ operation, params = [], query = {}, body, as = 'user' }, version) => {
      const answer = await fetch(`${url}${toPath(operation, params)}${toQueryString(query)}`, {
        method: operation.split(' ')[0] ?? 'GET',
        headers: {
          [VERSION_HEADER]: version,
          ...(as === 'nobody' ? {} : { authorization: `Bearer ${keys[as]}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        redirect: 'manual',
        signal: AbortSignal.timeout(LIMIT_MS),
      });
      const text = await answer.text();
      return { status: answer.status, body: parse(text) };
    },
  };
}

function parse(text: string): Answer['body'] {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

/** The path of a call, its parameters filled in. */
export function toPath(operation: string, params: readonly string[]): string {
  const left = [...params];
  const path = operation.split(' ')[1] ?? '';
  return path.replace(/\{[^}]+\}/g, () => encodeURIComponent(left.shift() ?? ''));
}

/** A query string with its `?`; empty where there is nothing to ask. */
export function toQueryString(query: NonNullable<PlainCall['query']>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const part of Array.isArray(value) ? value : [value])
      parameters.append(name, typeof part === 'object' ? JSON.stringify(part) : String(part));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}

/** The version that the SDK was made from. */
export const SDK_VERSION = '2024-02-08';

/** The official TypeScript client, each operation by the method of its name. */
export function createSdkTransport({ url, keys }: Target, contract: Contract): Transport {
  return {
    name: 'SDK',
    send: async (call, version) => {
      const token = call.as === 'nobody' ? 'no key' : keys[call.as ?? 'user'];
      const client = new PolytomicClient({ environment: url, token, version });
      const { owner, method } = findMethod(client, nameMethod(contract, call.operation));
      const taken = [...placeParams(call, method), ...placeRequest(call, method), { maxRetries: 0 }];
      try {
        return { status: 200, body: (await method.apply(owner, taken)) ?? null };
      } catch (error) {
        if (error instanceof PolytomicError && error.statusCode !== undefined) {
          return { status: error.statusCode, body: error.body };
        }
        throw error;
      }
    },
  };
}

/** `GET /api/bulk/syncs/{id}/executions` → `bulkSync.executions.list`. */
export function nameMethod(contract: Contract, operation: string): string {
  const id = String(contract.operations.get(operation)?.operationId ?? '');
  // `delete` was a reserved word once, so most resources say `remove`.
  return id.startsWith('bulkSync.schedules.') ? id : id.replace(/\.delete$/, '.remove');
}

type Method = (...taken: readonly unknown[]) => Promise<unknown>;

function findMethod(client: PolytomicClient, name: string): { owner: unknown; method: Method } {
  const parts = name.split('.');
  // The client is a tree of resources whose names the published document has.
  const walk = (from: unknown, part: string): unknown => (from as Record<string, unknown>)[part];
  const owner = parts.slice(0, -1).reduce(walk, client as unknown);
  const method = walk(owner, parts.at(-1) ?? '');
  if (typeof method !== 'function') throw new Error(`The SDK has no ${name}.`);
  return { owner, method: method as Method };
}

/** The text of a method begins with its name and parameters. */
function listParameters(method: Method): string[] {
  const [, text = ''] = /^\w+\(([^)]*)\)/.exec(method.toString()) ?? [];
  return text.split(',').map((part) => part.replace(/=.*/, '').trim());
}

/** The SDK does not always take a path's parameters in their order: `users.get(id, orgId)`. */
function placeParams({ operation, params = [] }: PlainCall, method: Method): string[] {
  const names = [...operation.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => toCamelCase(name));
  const wanted = listParameters(method).filter((name) => name !== 'request' && name !== 'requestOptions');
  const named = wanted.every((name) => names.includes(name));
  return wanted.map((name, index) => params[named ? names.indexOf(name) : index] ?? '');
}

/** Query and body are one object, but where the method keeps the body apart. */
function placeRequest({ query, body }: PlainCall, method: Method): unknown[] {
  if (!listParameters(method).includes('request')) return [];
  if (method.toString().includes('body: _body } = request')) return [{ ...query, body }];
  return [Array.isArray(body) ? body : { ...query, ...(body as object | undefined) }];
}

function toCamelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
