import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_VERSIONS, type ApiVersion } from '../../src/contract/index.ts';
import { startTestApi, type TestApi } from '../setup/api.ts';
import { DIFFERENCES, type Difference, REFUSALS } from './differences.ts';
import { compareDocuments, type Deviation } from './openapi-comparison.ts';

// Our OpenAPI documents against the published ones, operation by operation.
// The page of differences is written anew by: npm test -- tests/compatibility/openapi.test.ts -u

let api: TestApi;
let deviations: readonly Deviation[];

beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
  const found = await Promise.all(API_VERSIONS.map(compare));
  deviations = found.flat();
});
afterAll(() => api[Symbol.asyncDispose]());

async function compare(version: ApiVersion): Promise<Deviation[]> {
  const ours = (await api.send({ url: `/openapi/${version}.json`, authorization: null })).json();
  return compareDocuments(version, readPublished(version), ours);
}

function readPublished(version: ApiVersion): ReturnType<typeof JSON.parse> {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'contract', `api-${version}.json`), 'utf8'));
}

/** Every field name of the next version: the oldest document is a lower bound, of which that one is the wider reading. */
const KNOWN_NEXT = new Set(
  [...readFileSync(join(import.meta.dirname, 'contract', 'api-2024-02-08.json'), 'utf8').matchAll(/"(\w+)": \{/g)].map(
    ([, name]) => name,
  ),
);

/** What the oldest document may have left out: a field, parameter or list of values that the next one writes down. */
function isLowerBound({ version, kind, subject, published }: Deviation): boolean {
  if (version !== '2023-04-25') return false;
  if (kind === 'enum') return published === 'any';
  const name = subject.replaceAll('[]', '').split(/[. ]/).at(-1);
  return published === 'absent' && (kind === 'parameter' || (kind === 'field' && KNOWN_NEXT.has(name)));
}

function explains(difference: Difference, deviation: Deviation): boolean {
  const fits = (pattern: RegExp, text: string): boolean => new RegExp(`^(?:${pattern.source})$`).test(text);
  return (
    difference.versions.includes(deviation.version) &&
    difference.kind === deviation.kind &&
    fits(difference.operation, deviation.operation) &&
    fits(difference.subject, deviation.subject)
  );
}

describe.each(API_VERSIONS)('our OpenAPI document of %s', (version) => {
  it('says what the published one says, but for differences that are listed with a reason', () => {
    const unexplained = deviations
      .filter((deviation) => deviation.version === version && !isLowerBound(deviation))
      .filter((deviation) => !DIFFERENCES.some((difference) => explains(difference, deviation)))
      .map(
        ({ operation, kind, subject, published, ours }) => `${operation} ${kind} ${subject}: ${published} → ${ours}`,
      );
    expect(unexplained).toEqual([]);
  });

  it('has every difference that is listed', () => {
    const gone = DIFFERENCES.filter(
      (difference) =>
        difference.versions.includes(version) &&
        !deviations.some((deviation) => deviation.version === version && explains(difference, deviation)),
    );
    expect(gone.map(({ operation, subject }) => `${operation.source} ${subject.source}`)).toEqual([]);
  });
});

it('writes the differences down for users', async () => {
  const lines = [
    '# Differences from the published API',
    '',
    'Generated from the list that the tests compare with; `npm test` fails while it is stale. Everything else is as published: every',
    'operation of the three versions, its parameters, fields, values and answers.',
    '',
    '## Operations that are refused',
    '',
    '| operation | versions | answer | why |',
    '|---|---|---|---|',
    ...REFUSALS.map(
      ({ operation, versions, status, reason }) =>
        `| \`${operation}\` | ${versions.join(', ')} | ${status} | ${reason} |`,
    ),
    '',
    '## Details',
    '',
    '| operations | versions | what | why |',
    '|---|---|---|---|',
    ...DIFFERENCES.flatMap(describeDifference),
    '',
  ];
  await expect(lines.join('\n')).toMatchFileSnapshot('../../docs/api/differences.md');
});

/** One row for each detail, with the operations that have it. */
function describeDifference(difference: Difference): string[] {
  const found = deviations.filter((deviation) => explains(difference, deviation));
  const subjects = [...new Set(found.map(({ subject }) => subject))];
  return subjects.map((subject) => {
    const operations = [...new Set(found.filter((one) => one.subject === subject).map(({ operation }) => operation))];
    const change = found.find((one) => one.subject === subject);
    const what = `${difference.kind} \`${subject}\`: ${change?.published} → ${change?.ours}`;
    const where = operations.map((operation) => `\`${operation}\``).join(', ');
    return `| ${[where, difference.versions.join(', '), what.replaceAll('|', '\\|'), difference.reason].join(' | ')} |`;
  });
}
