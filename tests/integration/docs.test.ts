import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { API_VERSIONS } from '../../src/contract/index.ts';
import { ERROR_CODES } from '../../src/core/index.ts';
import { createMetrics } from '../../src/runtime/index.ts';
import { useBulkFixture } from '../setup/bulk-fixture.ts';
import { listAnchors, listLinks, type Page, readPage, readTable } from '../setup/markdown.ts';

// Generated pages are written anew by: npm test -- tests/integration/docs.test.ts -u

const ROOT = join(import.meta.dirname, '..', '..');
const PAGES = [
  ...globSync('*.md', { cwd: ROOT }),
  ...globSync('{docs,changes}/**/*.md', { cwd: ROOT }),
  ...globSync('src/**/README.md', { cwd: ROOT }),
];

const fixture = useBulkFixture();

describe('links', () => {
  it('are in many pages', () => {
    expect(PAGES.length).toBeGreaterThan(20);
    expect(PAGES.flatMap((path) => listLinks(readPage(path))).length).toBeGreaterThan(50);
  });

  it.each(PAGES)('of %s lead to a page and a heading', (path) => {
    const page = readPage(path);
    const broken = listLinks(page).filter((target) => !/^[a-z]+:/.test(target) && !isThere(page, target));
    expect(broken).toEqual([]);
  });
});

function isThere(page: Page, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page.path : relative(ROOT, resolve(ROOT, dirname(page.path), file));
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || listAnchors(readPage(path)).includes(anchor);
}

describe('generated pages', () => {
  it('list every operation of the API with its versions', async () => {
    await expect(await describeRoutes()).toMatchFileSnapshot('../../docs/api/routes.md');
  });

  it('list every metric', async () => {
    await expect(describeMetrics()).toMatchFileSnapshot('../../docs/metrics.md');
  });

  it('explain every error code', async () => {
    const text = describeErrorCodes();
    for (const code of Object.keys(ERROR_CODES)) expect(text).toContain(`| \`${code}\` |`);
    await expect(text).toMatchFileSnapshot('../../docs/error-codes.md');
  });
});

type Paths = Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>;

async function describeRoutes(): Promise<string> {
  const rows = new Map<string, { summary: string; versions: string[] }>();
  for (const version of API_VERSIONS) {
    const { paths }: { paths: Paths } = (await fixture.api.send({ url: `/openapi/${version}.json` })).json();
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { summary }] of Object.entries(methods)) {
        const name = `\`${method.toUpperCase()} ${path}\``;
        const row = rows.get(name) ?? { summary, versions: [] };
        rows.set(name, { ...row, versions: [...row.versions, version] });
      }
    }
  }
  const marks = (versions: string[]) => API_VERSIONS.map((version) => (versions.includes(version) ? 'yes' : '–'));
  return [
    '# Operations of the API',
    '',
    'Generated from the routes; `npm test` fails while it is stale. What they have in common: [README.md](README.md).',
    '',
    `| operation | does | ${API_VERSIONS.join(' | ')} |`,
    `|---|---|${'---|'.repeat(API_VERSIONS.length)}`,
    ...[...rows].map(([name, { summary, versions }]) => `| ${[name, summary, ...marks(versions)].join(' | ')} |`),
    '',
  ].join('\n');
}

function describeMetrics(): string {
  const rows = createMetrics({ version: '0.0.0', connectionTypes: [], perSync: false })
    .describe()
    .map(({ name, type, labels, help }) => {
      const shown = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${shown === '' ? '–' : shown} | ${help} |`;
    });
  return [
    '# Metrics',
    '',
    'Generated from the registry; `npm test` fails while it is stale. How to get at them, and what to alert on:',
    '[observability.md](observability.md).',
    '',
    'Counters begin at 0 with each process and count what that process did; ask for `rate(…)` summed over all. Labels hold words,',
    'never names or ids of yours, unless `MILLRACE_METRICS_PER_SYNC` is set. Beside these there is what Node says of every',
    'process: `process_*` (memory, CPU, open files) and `nodejs_*` (event loop, heap, garbage collection).',
    '',
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function describeErrorCodes(): string {
  const text = readFileSync(join(ROOT, 'src/core/errors.ts'), 'utf8');
  const codes = [...text.matchAll(/^ {2}\/\*\* (.+) \*\/\n {2}([A-Z_]+): '([a-z_]+)',$/gm)];
  const statuses = readStatuses();
  const kinds = [...new Set(codes.map(([, , , kind = '']) => kind))];
  return [
    '# Error codes',
    '',
    'Generated from `src/core/errors.ts`; `npm test` fails while it is stale. A code is the `key` of an API answer and the `code`',
    'of a log line. By symptom: [troubleshooting.md](troubleshooting.md).',
    '',
    ...kinds.flatMap((kind) => [
      `## ${HEADINGS[kind] ?? kind}`,
      '',
      `HTTP status where a request fails with one of them: ${statuses.get(kind)}.`,
      '',
      '| code | meaning, and what to do |',
      '|---|---|',
      ...codes.filter(([, , , of]) => of === kind).map(([, meaning, code]) => `| \`${code}\` | ${meaning} |`),
      '',
    ]),
  ].join('\n');
}

/** What an execution does about a code of that kind. */
const HEADINGS: Readonly<Record<string, string>> = {
  malformed: 'The request is wrong in itself',
  unauthenticated: 'The key is missing or wrong',
  forbidden: 'The key may not do this',
  not_found: 'There is no such thing',
  invalid_request: 'The request is refused by a rule',
  too_large: 'The request is too large',
  conflict: 'Something else is in the way',
  configuration: 'Somebody has to change something; an execution does not try again',
  transient: 'It passes by itself; an execution tries again',
  rate_limited: 'Too much at once',
  bad_gateway: 'The system behind a connection did not answer',
  gateway_timeout: 'The system behind a connection did not answer in time',
  canceled: 'The work was stopped',
  data: 'A record was refused; the others go on',
  internal: 'A defect',
};

function readStatuses(): Map<string, string> {
  const text = readFileSync(join(ROOT, 'src/api/errors.ts'), 'utf8');
  const [, table = ''] = /STATUS_OF[^{]*\{([^}]*)\}/.exec(text) ?? [];
  return new Map([...table.matchAll(/(\w+): (\d{3}),/g)].map(([, kind = '', status = '']) => [kind, status]));
}

describe('observability.md', () => {
  it('speaks of metrics that there are', async () => {
    const { text } = readPage('docs/observability.md');
    const { body } = await createMetrics({ version: '0.0.0', connectionTypes: [], perSync: false }).render();
    const names = new Set([...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name));
    const used = [...text.matchAll(/\b(?:millrace|process|nodejs)_[a-z0-9_]+\b/g)].map(([name]) => name);
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter((name) => !names.has(name.replace(/_(bucket|sum|count)$/, '')))).toEqual([]);
  });
});

describe('configuration.md', () => {
  it('has exactly the variables that are read', () => {
    const text = readFileSync(join(ROOT, 'src/runtime/config.ts'), 'utf8');
    const read = new Set([...text.matchAll(/read\('([A-Z_]+)'/g)].map(([, name]) => name));
    // For tests only.
    read.delete('MILLRACE_FAILPOINTS');
    const page = readPage('docs/configuration.md');
    const documented = [...page.text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect([...new Set(documented)].sort()).toEqual([...read].sort());
  });
});

describe('limits.md', () => {
  const rows = readTable(readPage('docs/limits.md'), 'option').map(([option = '']) => option);

  it('lists what a start refuses of a sync', async () => {
    const id = await fixture.createSync({
      source_configuration: { replication_slot: 'slot' },
      schemas: ['public.customers'],
    });
    const refused = await refusedFields(id, {});
    expect([...refused].sort()).toEqual([...rows].sort());
  });

  async function refusedFields(syncId: string, body: object): Promise<string[]> {
    const answer = await fixture.api.send({ method: 'POST', url: `/api/bulk/syncs/${syncId}/executions`, body });
    expect(answer.json()).toMatchObject({ status: 422, key: 'OPTION_NOT_AVAILABLE' });
    return answer.json().metadata.fields;
  }
});
