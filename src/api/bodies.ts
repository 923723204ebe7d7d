import type { FastifyInstance } from 'fastify';
import { SyncError } from '../core/index.ts';

/** The most lists and objects inside of one another: what walks a body, or writes it out again, takes a call for each. */
const MAX_DEPTH = 500;
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON, and nothing else. Clients send `content-type: application/json` with an empty body where there is nothing to say. */
export function registerBodies(app: FastifyInstance): void {
  // What would change prototypes is refused below, where it can be named.
  const parse = app.getDefaultJsonParser('ignore', 'ignore');
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    const text = typeof body === 'string' ? body : decode(body);
    if (text === null) return done(malformed('it is not written in UTF-8'));
    void parse(request, text, (error, value) => {
      if (error !== null) return done(error);
      if (isTooDeep(value)) return done(malformed(`it is nested more than ${MAX_DEPTH} levels deep`));
      const field = findPrototypeKey(value, '');
      done(field === null ? null : forbiddenField(field), value);
    });
  });
}

/** Null where there are bytes that stand for no character: they would be stored as others. */
function decode(body: Buffer): string | null {
  try {
    return UTF_8.decode(body);
  } catch {
    return null;
  }
}

function isTooDeep(value: unknown): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) return true;
    level = level.flatMap((container) => Object.values(container)).filter(isContainer);
  }
  return false;
}

/** The path of a key which would change a prototype where it is copied into another object. */
function findPrototypeKey(value: unknown, place: string): string | null {
  if (!isContainer(value)) return null;
  for (const [key, inner] of Object.entries(value)) {
    const name = Array.isArray(value) ? `${place}[${key}]` : place === '' ? key : `${place}.${key}`;
    if (key === '__proto__') return name;
    if (key === 'constructor' && isContainer(inner) && Object.hasOwn(inner, 'prototype')) return `${name}.prototype`;
    const found = findPrototypeKey(inner, name);
    if (found !== null) return found;
  }
  return null;
}

function forbiddenField(field: string): SyncError {
  const problem = 'is a name that no field may have';
  return new SyncError('REQUEST_MALFORMED', `The body does not fit: \`${field}\` ${problem}.`, {
    detail: { fields: [{ field, problem }] },
  });
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function malformed(problem: string): SyncError {
  return new SyncError('REQUEST_MALFORMED', `The body could not be read: ${problem}.`);
}
