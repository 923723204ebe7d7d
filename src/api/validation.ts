import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { SyncError } from '../core/index.ts';

/** One field that does not fit, by its path from the top of the body or query. */
interface Misfit {
  readonly field: string;
  readonly problem: string;
}

/** More than this many misfits help nobody. */
const MAX_MISFITS = 10;

/** Parses a request's part with its zod schema; failures name every field that does not fit. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data) => {
    const result = schema.safeParse(data);
    return result.success ? { value: result.data } : { error: toError(httpPart ?? 'request', result.error) };
  };
};

function toError(part: string, error: z.ZodError): SyncError {
  const misfits = toMisfits(error.issues);
  // A path that cannot name anything of ours names something unknown.
  if (part === 'params') {
    return new SyncError('NOT_FOUND', `Nothing is there: in the path, ${describe(misfits)}.`, { cause: error });
  }
  const place = part === 'querystring' ? 'query string' : part;
  return new SyncError('REQUEST_MALFORMED', `The ${place} does not fit: ${describe(misfits)}.`, {
    cause: error,
    detail: { fields: misfits },
  });
}

function describe(misfits: readonly Misfit[]): string {
  return misfits.map(({ field, problem }) => (field === '' ? `it ${problem}` : `\`${field}\` ${problem}`)).join('; ');
}

/** The issues of a zod error as field paths; of a union, those of the alternative that fits best. */
export function toMisfits(issues: readonly z.core.$ZodIssue[], parents: readonly PropertyKey[] = []): Misfit[] {
  return issues.flatMap((issue) => toMisfit(issue, parents)).slice(0, MAX_MISFITS);
}

function toMisfit(issue: z.core.$ZodIssue, parents: readonly PropertyKey[]): Misfit[] {
  const path = [...parents, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ field: toField([...path, key]), problem: 'is not a known field' }));
    case 'invalid_type':
      return [
        {
          field: toField(path),
          problem: issue.input === undefined && isAbsent(issue) ? 'is required' : typeProblem(issue),
        },
      ];
    case 'invalid_value':
      return [{ field: toField(path), problem: `must be one of ${issue.values.map(String).join(', ')}` }];
    case 'invalid_union':
      return unionMisfits(issue.errors, path);
    default:
      return [{ field: toField(path), problem: lowerFirst(issue.message) }];
  }
}

/** zod says "received undefined" only in the message. */
function isAbsent(issue: z.core.$ZodIssueInvalidType): boolean {
  return issue.message.endsWith('received undefined');
}

function typeProblem(issue: z.core.$ZodIssueInvalidType): string {
  const received = /received (.+)$/.exec(issue.message)?.[1];
  return received === undefined
    ? `must be of type ${issue.expected}`
    : `must be of type ${issue.expected}, not ${received}`;
}

function unionMisfits(alternatives: readonly (readonly z.core.$ZodIssue[])[], path: readonly PropertyKey[]): Misfit[] {
  const depth = (issues: readonly z.core.$ZodIssue[]): number =>
    Math.max(...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)), 0);
  const [best] = [...alternatives].sort((a, b) => depth(b) - depth(a));
  if (best !== undefined && depth(best) > 0) return toMisfits(best, path);
  return [{ field: toField(path), problem: 'has none of the allowed types' }];
}

function toField(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
