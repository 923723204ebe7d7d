import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readCliFile } from '../../src/runtime/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { waitFor } from '../setup/millrace.ts';
import { postgresConfiguration, untilFresh } from '../setup/syncs.ts';

const VERSIONS = ['2025-09-18', '2024-02-08', '2023-04-25'];
const MASTER_KEY = randomBytes(32).toString('hex');

// Secrets that a user types in or is shown once. Each is a text that is found nowhere by chance.
const plant = (name: string) => `canary-${name}-${randomBytes(9).toString('hex')}`;
const planted = {
  password: plant('password'),
  oldPassword: plant('old-password'),
  refusedPassword: plant('refused-password'),
  sshKey: plant('ssh-key'),
  webhook: plant('webhook'),
  passphrase: plant('passphrase'),
  clientSecret: plant('client-secret'),
  httpHeader: plant('http-header'),
  httpParameter: plant('http-parameter'),
  httpPassword: plant('http-password'),
};

const source = useDatabase();
const destination = useDatabase();
const server = useServer(() => ({ MILLRACE_LOG_LEVEL: 'debug', MILLRACE_ENCRYPTION_KEY: MASTER_KEY }));

/** What was looked at, place by place. */
const seen = new Map<string, string[]>();
const look = (place: string, text: string) => seen.set(place, [...(seen.get(place) ?? []), text]);

interface Sent {
  readonly version?: string;
  readonly authorization?: string;
  readonly body?: unknown;
  /** Where the answer shows a key this once: it is not looked at. */
  readonly isShownOnce?: boolean;
}

async function send(place: string, method: string, path: string, sent: Sent = {}) {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: sent.authorization ?? `Bearer ${server.apiKey}`,
      ...(sent.version === undefined ? {} : { 'x-polytomic-version': sent.version }),
      ...(sent.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const said = await answer.text();
  if (!sent.isShownOnce)
    look(place, `${method} ${path} ${answer.status} ${JSON.stringify([...answer.headers])} ${said}`);
  const body = said.startsWith('{') ? JSON.parse(said) : null;
  return { status: answer.status, body };
}

/** As `send`, for what has to succeed. */
async function must(method: string, path: string, sent: Sent = {}) {
  const { status, body } = await send('answers', method, path, sent);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body?.data;
}

/** Something that takes deliveries, and remembers them whole. */
async function receive() {
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part.toString();
    });
    request.on('end', () => {
      look('webhook deliveries', `${JSON.stringify(request.rawHeaders)} ${body}`);
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has such an address.
  return { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`, receiver };
}

/** A user of the source whose password is the secret. */
async function makeRole(password: string): Promise<Record<string, unknown>> {
  const name = `canary_${randomBytes(4).toString('hex')}`;
  await queryDatabase(
    source.url,
    `CREATE ROLE ${name} LOGIN PASSWORD '${password}';
     CREATE TABLE people AS SELECT i AS id, 'person ' || i AS name FROM generate_series(1, 50) i;
     ALTER TABLE people ADD PRIMARY KEY (id); GRANT SELECT ON people TO ${name}`,
  );
  return { ...postgresConfiguration(source.url), username: name, password };
}

/** Makes a connection to an HTTP API, and passes a request on to it. */
async function passOn(configuration: object, name: string, status: number): Promise<void> {
  const { id } = await must('POST', '/api/connections', { body: { name, type: 'api', configuration } });
  const request = { method: 'POST', path: '/healthz', body: 'something' };
  const answer = await send('answers', 'POST', `/api/connections/${id}/proxy`, { body: { request } });
  expect(answer.status).toBe(status);
  await must('GET', `/api/connections/${id}/proxy/info`);
}

const everyText = `SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM %TABLE% t`;

async function dumpMetadata(): Promise<void> {
  const tables = await queryDatabase(
    server.metadata.url,
    "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')",
  );
  for (const table of tables.flat().map(String)) {
    const [[text] = []] = await queryDatabase(server.metadata.url, everyText.replace('%TABLE%', table));
    look('metadata tables', `${table} ${String(text)}`);
    if (table === 'public.audit_entries') look('audit entries', String(text));
    if (table === 'public.events') look('events', String(text));
    if (table === 'public.jobs') look('jobs', String(text));
  }
}

/** Every GET of every version, with ids of what there is. */
async function walk(idOf: (path: string, name: string) => string): Promise<void> {
  for (const version of VERSIONS) {
    const document = await (await fetch(`${server.url}/openapi/${version}.json`)).text();
    look('OpenAPI documents', document);
    const paths = Object.entries<object>(JSON.parse(document).paths);
    const asked = paths.flatMap(([path, operations]) => ('get' in operations && path.startsWith('/api') ? [path] : []));
    await Promise.all(
      asked.map((path) => {
        const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => idOf(path, name));
        return send('answers of every GET', 'GET', filled, { version });
      }),
    );
  }
}

/** Runs one command, and looks at all that it says. How it ends is its own business. */
async function runHere(place: string, args: readonly string[], environment: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), ...args], {
    env: {
      PATH: process.env.PATH,
      MILLRACE_HOME: server.home.folder,
      DATABASE_URL: server.metadata.url,
      MILLRACE_URL: server.url,
      MILLRACE_PORT: '0',
      MILLRACE_ENCRYPTION_KEY: MASTER_KEY,
      ...environment,
    },
    timeout: LIMIT_MS,
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  look(place, `${output}\n${errors}`);
}

// The first start of a home tells its keys on the terminal, by design.
const TOLD = ['userKey in the log, up to a crash', 'deploymentKey in the log, up to a crash'];

/** Secrets that were seen, as they are or in another form, with the place and the beginning of the text. */
function findAnywhere(secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const bytes = Buffer.from(secret);
    const forms = [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')];
    return [...seen].flatMap(([place, texts]) => {
      const hit = texts.find((text) => forms.some((form) => text.includes(form)));
      const told = `${name} in ${place}`;
      return hit === undefined || TOLD.includes(told) ? [] : [`${told}: ${hit.slice(0, 300)}`];
    });
  });
}

it(
  'shows no secret in any place but the answer that is for it',
  async () => {
    const limit = AbortSignal.timeout(LIMIT_MS);
    const { url: endpoint, receiver } = await receive();
    const { deploymentKey = '' } = readCliFile(server.home.folder) ?? {};
    const deployment = { authorization: `Bearer ${deploymentKey}` };

    // Planting: connections, also refused ones, a webhook, a user's key, an organization's SSO, a model sync.
    await must('POST', '/api/webhooks', { body: { endpoint, secret: planted.webhook } });
    const configuration = await makeRole(planted.oldPassword);
    const create = (name: string, given: object, more: object = {}) =>
      send('answers', 'POST', '/api/connections', {
        body: { name, type: 'postgresql', configuration: { ...configuration, ...given }, ...more },
      });
    const sourceId = (await create('source', {}, { healthcheck_interval: '10s' })).body.data.id;
    const target = postgresConfiguration(destination.ownerUrl);
    const destinationId = (await create('destination', target)).body.data.id;
    await untilFresh(server, sourceId, limit);
    await untilFresh(server, destinationId, limit);
    const refused = await Promise.all([
      create('refused', { password: planted.refusedPassword }),
      create('unreachable', { hostname: 'nowhere.invalid', password: planted.refusedPassword }),
      create('misfit', { port: 'none', password: planted.refusedPassword }),
      create('ssh', { ssh: true, ssh_host: '127.0.0.1', ssh_port: 9, ssh_private_key: planted.sshKey }),
      send('answers', 'POST', '/api/connections/test', {
        body: { type: 'postgresql', configuration: { password: planted.refusedPassword }, connection_id: sourceId },
      }),
      send('answers', 'POST', '/api/connection_types/postgresql/parameter_values', {
        body: { field: 'database', parameters: { ...configuration, password: planted.refusedPassword } },
      }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([422, 422, 400, 422, 422, 422]);
    const unchecked = { ssh: true, ssh_host: 'nowhere.invalid', ssh_private_key: planted.sshKey };
    const sshId = (await create('unchecked', unchecked, { validate: false })).body.data.id;
    const api = {
      url: server.url,
      headers: [{ name: 'X-Canary', value: planted.httpHeader }],
      parameters: [{ name: 'canary', value: planted.httpParameter }],
      auth: { basic: { username: 'canary', password: planted.httpPassword } },
    };
    await passOn(api, 'itself', 200);
    await passOn({ ...api, url: 'http://127.0.0.1:9/' }, 'nobody', 502);
    const organization = await must('POST', '/api/organizations', {
      body: { name: 'Canary', client_id: 'id', client_secret: planted.clientSecret },
      ...deployment,
    });
    const [user] = await must('GET', '/api/organization/users');
    const inOwn = `/api/organizations/${user.organization_id}/users/${user.id}/keys`;
    const shown = await send('', 'POST', `${inOwn}?force=true`, {
      body: { name: 'canary' },
      ...deployment,
      isShownOnce: true,
    });
    expect(shown.status).toBe(200);
    const { value: apiKey } = shown.body.data;
    expect(apiKey).toMatch(/^millrace_user_/);
    const authorization = `Bearer ${apiKey}`;

    // Using them: an execution that succeeds, then one that the source refuses.
    const sync = await must('POST', '/api/bulk/syncs', {
      authorization,
      body: {
        name: 'canary',
        mode: 'replicate',
        source_connection_id: sourceId,
        destination_connection_id: destinationId,
        destination_configuration: { schema: 'landing' },
        default_schedule: { frequency: 'manual' },
        schemas: ['public.people'],
      },
    });
    const start = async () => {
      const { id } = await must('POST', `/api/bulk/syncs/${sync.id}/executions`, { authorization, body: {} });
      return waitFor(async () => {
        const execution = await must('GET', `/api/bulk/syncs/${sync.id}/executions/${id}`, { authorization });
        return ['completed', 'failed', 'errors'].includes(execution.status) ? execution : null;
      }, limit);
    };
    const completed = await start();
    expect(completed.status).toBe('completed');
    await queryDatabase(source.url, `ALTER ROLE ${String(configuration.username)} PASSWORD '${planted.password}'`);
    const failed = await start();
    expect(failed.status).toBe('failed');
    await must('PUT', `/api/connections/${sourceId}`, {
      authorization,
      body: { name: 'source', configuration: { ...configuration, password: planted.password } },
    });
    await send('answers', 'GET', `/api/bulk/syncs/${sync.id}/executions/${completed.id}/logs/export`, {
      authorization,
    });
    await send('answers', 'POST', `/api/connections/${sourceId}/query?query=select%201`, { authorization, body: {} });
    const model = await must('POST', '/api/models', {
      authorization,
      body: { name: 'Canary', connection_id: sourceId, configuration: { table: 'public.people' }, identifier: 'id' },
    });
    await queryDatabase(destination.ownerUrl, 'CREATE TABLE copied (id bigint PRIMARY KEY, name text)');
    const of = (field: string) => ({ model_id: model.id, field });
    const modelSync = await must('POST', '/api/syncs', {
      authorization,
      body: {
        name: 'Canary',
        mode: 'updateOrCreate',
        target: { connection_id: destinationId, object: 'public.copied' },
        identity: { source: of('id'), target: 'id', function: 'Equality' },
        fields: [{ source: of('name'), target: 'name' }],
        schedule: { frequency: 'manual' },
        encryption_passphrase: planted.passphrase,
      },
    });

    // Looking: every GET, the files and outputs of commands, the tables, the log, and a process that is killed.
    const ids: readonly (readonly [RegExp, string])[] = [
      [/schema_id$/, 'public.people'],
      [/(exec_id|execution_id)$/, failed.id],
      [/bulk\/syncs\/.*executions\/\{id/, failed.id],
      [/bulk\/.*(sync_id|id)$/, sync.id],
      [/connections\/.*ssh/, sshId],
      [/(connections|source|enrichment)\/.*id$/, sourceId],
      [/models\/.*id$/, model.id],
      [/organizations\/.*org_id$/, user.organization_id],
      [/organizations\/\{id/, organization.id],
      [/users.*id$/, user.id],
      [/syncs\/.*id$/, modelSync.id],
      [/connection_types/, 'postgresql'],
    ];
    await walk((path, name) => {
      const upTo = `${path.slice(0, path.indexOf(`{${name}}`))}{${name}`;
      return encodeURIComponent(ids.find(([pattern]) => pattern.test(upTo))?.[1] ?? randomUUID());
    });
    for (const path of ['/metrics', '/healthz', '/readyz', '/reference', '/'])
      look('metrics, health and pages', await (await fetch(`${server.url}${path}`)).text());
    const backup = join(server.home.folder, 'canary.backup');
    const otherKey = randomBytes(32).toString('hex');
    await Promise.all([
      runHere('outputs of commands', ['doctor'], { MILLRACE_API_KEY: apiKey }),
      runHere('outputs of commands', ['connections', 'list', '--json'], { MILLRACE_API_KEY: apiKey }),
      runHere('outputs of commands', ['backup', backup], {}),
      runHere('a start that fails', ['serve'], {
        MILLRACE_ENCRYPTION_KEY: otherKey,
        MILLRACE_HOME: join(server.home.folder, 'other'),
      }),
    ]);
    look('a backup without the key', gunzipSync(readFileSync(backup)).toString());
    await waitFor(async () => (seen.has('webhook deliveries') ? true : null), limit);
    await dumpMetadata();
    process.kill(server.pid, 'SIGABRT');
    await server.exited;
    look('the log, up to a crash', server.home.readLog());
    receiver.close();

    const secrets = { ...planted, apiKey: String(apiKey), deploymentKey, userKey: server.apiKey, MASTER_KEY };
    expect(findAnywhere(secrets)).toEqual([]);
    look('a leak', `somewhere ${Buffer.from(planted.passphrase).toString('hex')}`);
    expect(findAnywhere(secrets)).toEqual([expect.stringMatching(/^passphrase in a leak/)]);
    seen.delete('a leak');
    // What was not looked at, or was empty, would find nothing either.
    expect(
      [...seen]
        .filter(([, texts]) => texts.every((text) => text.trim() !== ''))
        .map(([place]) => place)
        .sort(),
    ).toEqual([
      'OpenAPI documents',
      'a backup without the key',
      'a start that fails',
      'answers',
      'answers of every GET',
      'audit entries',
      'events',
      'jobs',
      'metadata tables',
      'metrics, health and pages',
      'outputs of commands',
      'the log, up to a crash',
      'webhook deliveries',
    ]);
    expect(seen.get('audit entries')?.join()).toContain('********');
  },
  LIMIT_MS,
);
