import type { z } from 'zod';

/** One field that does not fit its schema, by its path from the top. */
export interface Misfit {
  readonly field: string;
  readonly problem: string;
}

/** More than this many misfits help nobody. */
const MAX_MISFITS = 10;

/** What is counted of a value whose size does not fit; of the others it is the value itself. */
const COUNTED: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['element', 'elements'],
  object: ['field', 'fields'],
};

/** The issues of a failed parse as field paths; of a union, those of the alternative that fits best. */
export function toMisfits(error: Pick<z.ZodError, 'issues'>, parents: readonly PropertyKey[] = []): Misfit[] {
  return fromIssues(error.issues, parents);
}

/** Misfits in one sentence part: `name` is required; `port` must be of type number, not string. */
export function describeMisfits(misfits: readonly Misfit[]): string {
  return misfits.map(({ field, problem }) => (field === '' ? `it ${problem}` : `\`${field}\` ${problem}`)).join('; ');
}

function fromIssues(issues: readonly z.core.$ZodIssue[], parents: readonly PropertyKey[]): Misfit[] {
  return issues.flatMap((issue) => toMisfit(issue, parents)).slice(0, MAX_MISFITS);
}

function toMisfit(issue: z.core.$ZodIssue, parents: readonly PropertyKey[]): Misfit[] {
  const path = [...parents, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: toField([...path, key]), problem: 'is not a known field' }));
  }
  // One that says itself what it takes is not looked into.
  if (issue.code === 'invalid_union' && issue.message.startsWith('Invalid')) return unionMisfits(issue.errors, path);
  return [{ field: toField(path), problem: problemOf(issue) }];
}

function problemOf(issue: z.core.$ZodIssue): string {
  // A schema's own message says more than we could; zod's begin like this.
  if (!/^(Invalid|Too|Unrecognized)/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return typeProblem(issue);
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'invalid_format':
      return `must be a valid ${issue.format === 'guid' ? 'id' : issue.format}`;
    case 'too_small':
      return sizeProblem(issue, issue.minimum, issue.inclusive === false ? 'more than' : 'at least');
    case 'too_big':
      return sizeProblem(issue, issue.maximum, issue.inclusive === false ? 'less than' : 'at most');
    default:
      return `does not fit: ${issue.message}`;
  }
}

function sizeProblem({ origin }: { readonly origin: string }, limit: number | bigint, how: string): string {
  const [one, many] = COUNTED[origin] ?? [];
  if (one === undefined) return `must be ${how} ${limit}`;
  if (how === 'at least' && Number(limit) === 1) return 'must not be empty';
  return `must have ${how} ${limit} ${Number(limit) === 1 ? one : many}`;
}

/** What was received stands in zod's message only. */
function typeProblem(issue: z.core.$ZodIssueInvalidType): string {
  const received = /received (.+)$/.exec(issue.message)?.[1];
  if (received === 'undefined') return 'is required';
  if (received === 'NaN') return `must be a ${issue.expected}`;
  return `must be of type ${issue.expected}${received === undefined ? '' : `, not ${received}`}`;
}

function unionMisfits(alternatives: readonly (readonly z.core.$ZodIssue[])[], path: readonly PropertyKey[]): Misfit[] {
  const depth = (issues: readonly z.core.$ZodIssue[]): number =>
    Math.max(...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)), 0);
  const [best] = [...alternatives].sort((a, b) => depth(b) - depth(a));
  if (best !== undefined && depth(best) > 0) return fromIssues(best, path);
  return [{ field: toField(path), problem: 'has none of the allowed types or values' }];
}

function toField(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
