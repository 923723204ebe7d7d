import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { SyncError } from '../core/index.ts';
import { describeMisfits, toMisfits } from '../operations/index.ts';

/** Parses a request's part with its zod schema; failures name every field that does not fit. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data) => {
    const result = schema.safeParse(data);
    return result.success ? { value: result.data } : { error: toError(httpPart ?? 'request', result.error) };
  };
};

function toError(part: string, error: z.ZodError): SyncError {
  const misfits = toMisfits(error);
  // A path that cannot name anything of ours names something unknown.
  if (part === 'params') {
    return new SyncError('NOT_FOUND', `Nothing is there: in the path, ${describeMisfits(misfits)}.`, { cause: error });
  }
  const place = part === 'querystring' ? 'query string' : part;
  return new SyncError('REQUEST_MALFORMED', `The ${place} does not fit: ${describeMisfits(misfits)}.`, {
    cause: error,
    detail: { fields: misfits },
  });
}
