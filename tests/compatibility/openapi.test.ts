import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_VERSIONS, type ApiVersion } from '../../src/contract/index.ts';
import { startTestApi, type TestApi } from '../setup/api.ts';
import { DIFFERENCES, type Difference } from './differences.ts';
import { compareDocuments, type Deviation } from './openapi-comparison.ts';

// Our OpenAPI documents against the published ones, operation by operation.

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
      .filter(
        (deviation) => deviation.version === version && deviation.kind !== 'operation' && !isLowerBound(deviation),
      )
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
