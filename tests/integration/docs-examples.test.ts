import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { listBlocks, readBlocks, readPage } from '../setup/markdown.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { makeSync, untilEnded } from '../setup/syncs.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const README = readPage('README.md');
const QUICK_START = readPage('docs/quick-start.md');
const POSTGRESQL = readPage('docs/connectors/postgresql.md');
const API = readPage('docs/api/README.md');
const GUARANTEES = readPage('docs/guarantees.md');
const OBSERVABILITY = readPage('docs/observability.md');
const PLANS = readPage('docs/plans.md');
const VERSIONS = readPage('docs/api/versions.md');
const NOTICES = ['audit', 'events', 'webhooks', 'notifications', 'logs'].map((name) => readPage(`docs/api/${name}.md`));
const MODEL_SYNCS = readPage('docs/api/model-syncs.md');
const MODELS = ['models', 'jobs', 'queries'].map((name) => readPage(`docs/api/${name}.md`));
const PERMISSIONS = ['organizations', 'users', 'permissions', 'connections'].map((name) =>
  readPage(`docs/api/${name}.md`),
);
const CURL = fileURLToPath(new URL('../setup/curl.ts', import.meta.url));
const LIMIT_MS = 120_000;

/** Roles belong to the whole server, so each use of an example has its own. */
const SUFFIX = randomBytes(4).toString('hex');
const READER = `reader_${SUFFIX}`;
const PASSWORD = 'choose one';

/** The reader's home folder, whose `.millrace` is the home of the server. */
const place = mkdtempSync(join(tmpdir(), 'millrace-docs-'));
const roles: string[] = [];
const databases: TestDatabase[] = [];
let home: TestHome;
let millrace: MillraceProcess;
let metadata: TestDatabase;
let shop: TestDatabase;

async function makeDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  databases.push(database);
  return database;
}

/** Puts what is true here in the place of an example's names; each must be in it. */
function adapt(text: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`The example has no "${from}" any more:\n${text}`);
    return changed.replaceAll(from, to);
  }, text);
}

interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs an example as somebody would in a terminal, with `curl` and the alias of the quick start. */
async function runShell(script: string): Promise<Ran> {
  const node = `"${process.execPath}"`;
  const prelude = [
    'set -euo pipefail',
    `millrace() { ${node} "${ROOT}/bin/millrace.mjs" "$@"; }`,
    // Unlike its default: an example that is refused is a wrong example.
    `if command -v curl >/dev/null; then curl() { command curl -sS --fail-with-body "$@"; }; else curl() { ${node} "${CURL}" "$@"; }; fi`,
  ];
  const child = spawn('bash', ['-c', [...prelude, script].join('\n')], {
    cwd: place,
    env: {
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
      HOME: place,
      XDG_CACHE_HOME: join(homedir(), '.cache'),
      SHOP_PASSWORD: PASSWORD,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [code] = await once(child, 'close');
  return { code, output };
}

beforeAll(async () => {
  home = await createTestHome();
  symlinkSync(home.folder, join(place, '.millrace'));
  metadata = await makeDatabase();
  shop = await makeDatabase();
  millrace = await startMillrace(home, { DATABASE_URL: metadata.ownerUrl });
  // Two million orders are there for somebody who wants to see them move.
  const sql = adapt(readBlocks(QUICK_START, 'shop'), { millrace_reader: READER, '2000000': '20000' });
  roles.push(READER);
  await queryDatabase(shop.url, sql);
}, LIMIT_MS);

afterAll(async () => {
  await millrace?.[Symbol.asyncDispose]();
  for (const database of databases) await database[Symbol.asyncDispose]();
  for (const role of roles) await queryDatabase(inject('postgresSuperuserUrl'), `DROP ROLE IF EXISTS ${role}`);
  await home?.[Symbol.asyncDispose]();
  rmSync(place, { recursive: true, force: true });
}, LIMIT_MS);

describe('the quick start', () => {
  const scripts = listBlocks(QUICK_START).filter(({ label }) => label === 'quick-start');

  it(
    'makes its connections, its sync, and a first receipt',
    async () => {
      const { port } = new URL(shop.url);
      const changes = {
        'port: 5432': `port: ${port}`,
        'database: shop': `database: ${shop.name}`,
        millrace_reader: READER,
      };
      writeFileSync(join(place, 'shop.yaml'), adapt(readBlocks(QUICK_START, 'shop.yaml'), changes));
      for (const file of ['file.yaml', 'sync.yaml']) writeFileSync(join(place, file), readBlocks(QUICK_START, file));
      const made = await runShell(scripts[0]?.text ?? '');
      expect(made).toMatchObject({ code: 0, output: expect.stringMatching(/"shop" .*healthy[\s\S]*"file" .*healthy/) });

      const { code, output } = await runShell(scripts[1]?.text ?? '');
      expect(output).toContain('Receipt  equal, depth checksums');
      expect(output).toMatch(/public\.orders +equal +20,000 +20,000 +0 +0 +0\n/);
      expect(output).toMatch(/public\.customers +snapshot +1,000 +1,000/);
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'reads and writes what changed',
    async () => {
      await queryDatabase(shop.url, readBlocks(QUICK_START, 'change'));
      const { code, output } = await runShell(scripts[2]?.text ?? '');
      expect(output).toMatch(/public\.orders +equal +\d+ +100 /);
      expect(output).toMatch(/public\.customers +equal +1,001 +1 +1,000 +0 +0\n/);
      expect(output).toMatch(/public\.orders +delta/);
      expect(output).toContain('(database_clock)');
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );
});

describe('the API page', () => {
  it(
    'gets from nothing to a receipt with curl, and to the settings of the guarantees',
    async () => {
      const { port } = new URL(shop.url);
      const script = adapt(
        [
          readBlocks(API, 'api'),
          readBlocks(GUARANTEES, 'api'),
          readBlocks(OBSERVABILITY, 'api'),
          readBlocks(PLANS, 'api'),
          readBlocks(VERSIONS, 'api'),
          ...NOTICES.map((page) => readBlocks(page, 'api')),
          readBlocks(MODEL_SYNCS, 'api'),
          ...MODELS.map((page) => readBlocks(page, 'api')),
          ...PERMISSIONS.map((page) => readBlocks(page, 'api')),
        ].join('\n'),
        {
          'http://127.0.0.1:8420': millrace.url,
          '"port": 5432, "database": "shop"': `"port": ${port}, "database": "${shop.name}"`,
          millrace_reader: READER,
          'millrace keys create': `DATABASE_URL="${metadata.ownerUrl}" millrace keys create`,
        },
      );
      const { code, output } = await runShell(script);
      expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('"verdict":"equal"') });
      expect(output).toContain('"email":"ada@example.com"');
      expect(output).toContain('"schedule":{"frequency":"manual"}');
      expect(output).toContain('"bottleneck":');
      expect(output.match(/"destructive_steps":/g)?.length).toBeGreaterThanOrEqual(3);
      expect(output).toContain('millrace_metadata_up 1');
      expect(output).toContain('"type":"bulk_sync.completed"');
      expect(output).toContain('"action":"create"');
      expect(output).toContain('{"emails":["oncall@example.com"]}');
      expect(output).toMatch(/"message":"Ended as completed/);
      expect(output).toContain('"target_object":"main.customers_for_sales"');
      expect(output).toContain('"type":"samplemodel","status":"done"');
      expect(output).toContain('"count":1,"results":[{"customers":');
      expect(output).toContain('"receipt_depth":"counts","adopt":false,"max_loss_percent":20');
    },
    LIMIT_MS,
  );
});

describe('the privileges of the PostgreSQL page', () => {
  it.each(['destination', 'strict'])(
    'are enough for a source and, as in "%s", a destination',
    async (variant) => {
      const warehouse = await makeDatabase();
      const [reader, writer] = [`reader_${variant}_${SUFFIX}`, `writer_${variant}_${SUFFIX}`];
      roles.push(reader, writer);
      await queryDatabase(shop.url, adapt(readBlocks(POSTGRESQL, 'source'), { millrace_reader: reader }));
      const grants = adapt(readBlocks(POSTGRESQL, variant), { millrace_writer: writer });
      // Two of its lines are about the sync's own schema and its database.
      const here = grants
        .replace('DATABASE warehouse', `DATABASE ${warehouse.name}`)
        .replace('SCHEMA shop', 'SCHEMA landing');
      await queryDatabase(warehouse.url, here);

      const signal = AbortSignal.timeout(LIMIT_MS);
      const as = (database: TestDatabase, user: string) => {
        const url = new URL(database.url);
        return Object.assign(url, { username: user, password: PASSWORD }).href;
      };
      const warehouseUrl = new URL(as(warehouse, writer));
      const sync = await makeSync(
        millrace,
        {
          name: variant,
          source: as(shop, reader),
          destination: [
            'postgresql',
            {
              hostname: warehouseUrl.hostname,
              port: Number(warehouseUrl.port),
              username: writer,
              password: PASSWORD,
              database: warehouse.name,
              ssl: false,
            },
          ],
          schemas: ['public.customers', { id: 'public.orders', tracking_field: 'updated_at' }],
        },
        signal,
      );
      for (const load of ['first', 'second']) {
        const { id } = await millrace.client.startBulkSync(sync.id, {}, signal);
        const { execution, receipt } = await untilEnded(millrace, sync.id, id, signal);
        expect({ load, status: execution.status, message: execution.status_message }).toEqual({
          load,
          status: 'completed',
        });
        expect(receipt?.verdict).toBe('equal');
        expect(JSON.stringify(receipt?.schemas)).toContain('database_clock');
      }
    },
    LIMIT_MS,
  );
});

describe('the README', () => {
  it(
    'makes a first sync of every table, by file and by HTTP',
    async () => {
      const warehouse = await makeDatabase();
      const writer = `writer_readme_${SUFFIX}`;
      roles.push(writer);
      await queryDatabase(
        warehouse.url,
        `CREATE ROLE ${writer} LOGIN PASSWORD '${PASSWORD}'; GRANT CREATE ON DATABASE ${warehouse.name} TO ${writer}`,
      );
      const { hostname, port } = new URL(shop.url);
      const here = `hostname: ${hostname}, port: ${port}, ssl: false`;
      const files = {
        'crm.yaml': {
          'hostname: db.example.com': here,
          'database: crm': `database: ${shop.name}`,
          millrace_reader: READER,
          CRM_PASSWORD: 'SHOP_PASSWORD',
        },
        'warehouse.yaml': {
          'hostname: wh.example.com': here,
          'database: warehouse': `database: ${warehouse.name}`,
          millrace_writer: writer,
          WAREHOUSE_PASSWORD: 'SHOP_PASSWORD',
        },
        'sync.yaml': {},
      };
      for (const [file, changes] of Object.entries(files))
        writeFileSync(join(place, file), adapt(readBlocks(README, file), changes));
      const { code, output } = await runShell(
        adapt(readBlocks(README, 'readme'), { 'http://127.0.0.1:8420': millrace.url }),
      );
      expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('Receipt  equal') });
      expect(output).toMatch(/public\.orders +snapshot +20,000 +20,000/);
      expect(output).toContain('"last_execution"');
    },
    LIMIT_MS,
  );
});

describe('the end of the quick start', () => {
  it(
    'kills the server, which starts again with everything that it had',
    async () => {
      expect(await runShell(readBlocks(QUICK_START, 'kill'))).toEqual({ code: 0, output: '' });
      expect(await millrace.exited).toMatchObject({ signal: 'SIGKILL' });
      const metadata = databases[0];
      millrace = await startMillrace(home, { DATABASE_URL: metadata?.ownerUrl ?? '' });
      const { output } = await runShell('millrace syncs receipt "shop to file"');
      expect(output).toContain('Receipt  equal');
    },
    LIMIT_MS,
  );
});
