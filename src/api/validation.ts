import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { SyncError } from '../core/index.ts';
import { describeMisfits, type Misfit, toMisfits } from '../operations/index.ts';

/** Parses a request's part with its zod schema; failures name every field that does not fit. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const part = httpPart ?? 'request';
  return (data) => {
    const result = schema.safeParse(data);
    if (!result.success) return { error: toError(part, toMisfits(result.error), result.error) };
    const unstorable = findUnstorable(data, '');
    if (unstorable !== null) return { error: toError(part, [unstorable]) };
    return { value: result.data };
  };
};

/** Text that PostgreSQL cannot hold, as value or key: NUL, and halves of surrogate pairs. */
function findUnstorable(value: unknown, field: string): Misfit | null {
  if (typeof value === 'string') return isStorable(value) ? null : { field, problem: UNSTORABLE };
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const name = Array.isArray(value) ? `${field}[${key}]` : field === '' ? key : `${field}.${key}`;
    const found = isStorable(key) ? findUnstorable(inner, name) : { field, problem: UNSTORABLE };
    if (found !== null) return found;
  }
  return null;
}

const UNSTORABLE = 'must not hold NUL or half a surrogate pair';

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function toError(part: string, misfits: readonly Misfit[], cause?: z.ZodError): SyncError {
  // A path that cannot name anything of ours names something unknown.
  if (part === 'params') {
    return new SyncError('NOT_FOUND', `Nothing is there: in the path, ${describeMisfits(misfits)}.`, { cause });
  }
  const place = part === 'querystring' ? 'query string' : part;
  return new SyncError('REQUEST_MALFORMED', `The ${place} does not fit: ${describeMisfits(misfits)}.`, {
    cause,
    detail: { fields: misfits },
  });
}
