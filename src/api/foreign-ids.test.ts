import { sql } from 'kysely';
import { beforeAll, expect, it } from 'vitest';
import { UNKNOWN_ID, useBulkFixture } from '../../tests/setup/bulk-fixture.ts';
import { queryDatabase } from '../../tests/setup/databases.ts';
import { sampleOf } from '../../tests/setup/sample.ts';
import { postgresConfiguration } from '../../tests/setup/syncs.ts';
import { createInstallationKey, refreshSchemas } from '../operations/index.ts';
import { ROUTES } from './routes/index.ts';

const fixture = useBulkFixture();

/** One organization with an object of every kind, and the keys that reach it. */
interface Tenant {
  readonly organizationId: string;
  readonly userKey: string;
  readonly partnerKey: string;
  /** Ids by the part of the path behind which they stand. */
  readonly ids: Readonly<Record<string, string>>;
}

let ours: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  await queryDatabase(fixture.destination.url, 'CREATE TABLE people (id bigint PRIMARY KEY, email text)');
  theirs = await fill(fixture.api.keys.organizationId, fixture.api.keys.userKey);
  const organizationId = (
    await send('POST', '/api/organizations', `Bearer ${fixture.api.keys.deploymentKey}`, { name: 'Ours' })
  ).data.id;
  const [role] = await fixture.api.services.store.db
    .selectFrom('roles')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('systemKey', '=', 'admin')
    .execute();
  const user = { id: fixture.api.services.newId(), organizationId, email: 'us@example.org', name: 'Us' };
  await fixture.api.services.store.db
    .insertInto('users')
    .values({ ...user, roleIds: [role?.id ?? ''] })
    .execute();
  const made = await createInstallationKey(fixture.api.services, { kind: 'user', organizationId, email: user.email });
  ours = await fill(organizationId, made.key);
}, 60_000);

async function send(method: string, url: string, authorization: string, body?: unknown) {
  const answer = await fixture.api.send({ method: method as 'GET', url, authorization, body }); // one of the API's methods
  if (answer.statusCode >= 300) throw new Error(`${method} ${url} answered ${answer.statusCode}: ${answer.body}`);
  return answer.body === '' ? null : answer.json();
}

async function fill(organizationId: string, userKey: string): Promise<Tenant> {
  const { services } = fixture.api;
  const post = async (url: string, body?: unknown): Promise<string> =>
    (await send('POST', url, `Bearer ${userKey}`, body)).data.id;
  const connect = (name: string, url: string): Promise<string> =>
    post('/api/connections', { name, type: 'postgresql', configuration: postgresConfiguration(url) });
  const connections = await connect('a source', fixture.source.url);
  const destination = await connect('a destination', fixture.destination.url);
  await refreshSchemas(services, { organizationId, connectionId: connections }, AbortSignal.timeout(30_000));
  const bulk = await post('/api/bulk/syncs', {
    ...fixture.syncBody(),
    source_connection_id: connections,
    destination_connection_id: destination,
    destination_configuration: { schema: `of_${organizationId.slice(0, 8)}` },
    additional_schedules: [{ frequency: 'daily', hour: '1', minute: '0' }],
  });
  const [schedule] = await services.store.db
    .selectFrom('bulkSyncSchedules')
    .select('id')
    .where('syncId', '=', bulk)
    .execute();
  const executions = await post(`/api/bulk/syncs/${bulk}/executions`, {});
  const models = await post('/api/models', {
    connection_id: connections,
    name: 'customers',
    configuration: { table: 'public.customers' },
  });
  const mapped = (field: string) => ({ source: { model_id: models, field }, target: field });
  const syncs = await post('/api/syncs', {
    name: 'people',
    mode: 'updateOrCreate',
    target: { connection_id: destination, object: 'public.people' },
    identity: { ...mapped('id'), function: 'Equality' },
    fields: [mapped('email')],
    schedule: { frequency: 'manual' },
  });
  const { job } = await send('POST', '/api/model-preview?async=true', `Bearer ${userKey}`, {
    connection_id: connections,
    name: 'seen',
    configuration: { table: 'public.orders' },
  });
  const webhooks = await post('/api/webhooks', {
    endpoint: 'https://example.org/hook',
    secret: 'a secret of some length',
  });
  const { key: partnerKey } = await createInstallationKey(services, { kind: 'partner', organizationId, email: null });
  return {
    organizationId,
    userKey,
    partnerKey,
    ids: {
      connections,
      'bulk/source': connections,
      'bulk/dest': connections,
      enrichment: connections,
      'bulk/syncs': bulk,
      executions,
      schedules: schedule?.id ?? '',
      webhooks,
      models,
      syncs,
      jobs: job.job_id,
      queries: await post(`/api/connections/${connections}/query?query=SELECT+1`, {}),
      organizations: organizationId,
      users: await post('/api/organization/users', { email: 'someone@example.org' }),
      roles: await post('/api/permissions/roles', { name: 'One' }),
      policies: await post('/api/permissions/policies', { name: 'One', policy_actions: [] }),
      entities: connections,
      schemas: 'public.orders',
      schema: 'public.orders',
      fields: 'id',
    },
  };
}

const PARAMETER = /:(\w+)/g;

/** The kind of object that stands at a parameter: the one or two parts of the path before it. */
function kindAt(url: string, index: number): string {
  const before = url
    .slice(0, index)
    .split('/')
    .filter((part) => part !== '' && !part.startsWith(':'));
  const two = before.slice(-2).join('/');
  return two in theirs.ids ? two : (before.at(-1) ?? '');
}

/** What stands for a type, by the start of the path. */
const TYPES = [
  ['/api/jobs', 'previewmodel'],
  ['/api/connection_types', 'postgresql'],
] as const;

/** The url with ids of `foreign` at one place, and our own at the others. */
function fillIn(url: string, place: number, foreign: Tenant | null): string {
  let at = -1;
  return url.replace(PARAMETER, (_text, name: string, index: number) => {
    at += 1;
    if (name === 'type') return TYPES.find(([start]) => url.startsWith(start))?.[1] ?? 'records';
    const kind = kindAt(url, index);
    if (at !== place) return encodeURIComponent(ours.ids[kind] ?? ours.ids['bulk/syncs'] ?? '');
    return foreign === null ? UNKNOWN_ID : encodeURIComponent(foreign.ids[kind] ?? foreign.ids['bulk/syncs'] ?? '');
  });
}

/** Parameters that name no object of an organization: types, schemas by their name, and the like. */
const NAMES = new Set(['type', 'property', 'schema_id', 'field_id', 'filename']);

/** What some routes cannot do without. */
const QUERIES = new Map([
  ['/api/connections/:id/modelsync/target/fields', '?target=public.people'],
  ['/api/connections/:connection_id/query', '?query=SELECT+1'],
]);

/** Where the smallest body that fits the schema is refused by a rule. */
const BODIES = new Map<string, unknown>([
  ['/api/connections/:id/proxy', { request: { method: 'GET', path: '/' } }],
  ['/api/connections/test', { type: 'postgresql', configuration: {} }],
]);

interface Visit {
  readonly operation: string;
  readonly version: string;
  readonly method: string;
  readonly url: string;
  readonly place: number;
  readonly authorization: () => string;
  readonly body: unknown;
}

function listVisits(): Visit[] {
  return ROUTES.filter(({ url }) => url.includes(':')).flatMap((route) =>
    // A route has one handler; what a version does otherwise is a route of its own.
    route.versions.slice(0, 1).flatMap((version) =>
      [...route.url.matchAll(PARAMETER)].flatMap(([, name = ''], place) => {
        if (NAMES.has(name) || route.url.startsWith('/api/connection_types')) return [];
        const { method, url } = route;
        const authorization = () => `Bearer ${route.callers === 'partner' ? ours.partnerKey : ours.userKey}`;
        const body = route.body === undefined ? undefined : (BODIES.get(route.url) ?? sampleOf(route.body));
        return [
          { operation: `${version} ${method} ${url} (${name})`, version, method, url, place, authorization, body },
        ];
      }),
    ),
  );
}

async function visit({ method, url, place, version, authorization, body }: Visit, foreign: Tenant | null) {
  const answer = await fixture.api.send({
    method: method as 'GET', // a route's
    url: `${fillIn(url, place, foreign)}${QUERIES.get(url) ?? ''}`,
    authorization: authorization(),
    version,
    body,
  });
  const kind = kindAt(url, nthParameter(url, place));
  const asked = foreign === null ? UNKNOWN_ID : (foreign.ids[kind] ?? foreign.ids['bulk/syncs'] ?? '');
  return { status: answer.statusCode, body: answer.body.replaceAll(asked, 'ID') };
}

function nthParameter(url: string, place: number): number {
  return [...url.matchAll(PARAMETER)][place]?.index ?? 0;
}

it('answers an id of another organization like one of nothing, on every route', { timeout: 120_000 }, async () => {
  const visits = listVisits();
  const before = await countRows();
  const statuses = new Map<number, string[]>();
  for (const one of visits) {
    const [unknown, foreign] = [await visit(one, null), await visit(one, theirs)];
    expect([one.operation, foreign.status, foreign.body]).toEqual([one.operation, unknown.status, unknown.body]);
    statuses.set(foreign.status, [...(statuses.get(foreign.status) ?? []), one.operation]);
  }
  expect([...statuses.keys()].sort(), JSON.stringify([...statuses].filter(([status]) => status !== 404))).toEqual([
    404,
  ]);
  expect(visits.length).toBeGreaterThan(150);
  expect(await countRows()).toEqual(before);
});

/** How many rows of an organization there are, by table. */
async function countRows(organizationId = theirs.organizationId): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of await listTenantTables()) {
    const { rows } = await sql<{ count: number }>`
      SELECT count(*)::int AS count FROM ${sql.table(table)} WHERE organization_id = ${organizationId}`.execute(
      fixture.api.services.store.db,
    );
    counts[table] = rows[0]?.count ?? 0;
  }
  return counts;
}

async function listTenantTables(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT table_name AS name FROM information_schema.columns
    WHERE column_name = 'organization_id' AND table_schema = 'public' ORDER BY 1`.execute(
    fixture.api.services.store.db,
  );
  return rows.map(({ name }) => name);
}

it('keeps organizations apart where a query forgets to: the database shows a session its own rows only', async () => {
  const { store } = fixture.api.services;
  const filled: string[] = [];
  for (const table of await listTenantTables()) {
    const count = sql<{ count: number }>`
      SELECT count(*)::int AS count FROM ${sql.table(table)} WHERE organization_id = ${theirs.organizationId}`;
    const seen = await count.execute(store.forOrganization(ours.organizationId).db);
    expect([table, seen.rows]).toEqual([table, [{ count: 0 }]]);
    if ((await count.execute(store.db)).rows[0]?.count !== 0) filled.push(table);
  }
  expect(filled).toEqual(
    expect.arrayContaining([
      'api_keys',
      'bulk_syncs',
      'connections',
      'executions',
      'policies',
      'roles',
      'users',
      'webhooks',
    ]),
  );
  const { db } = store.forOrganization(ours.organizationId);
  const stolen = await db
    .updateTable('connections')
    .set({ name: 'stolen' })
    .where('id', '=', theirs.ids.connections ?? '')
    .executeTakeFirst();
  expect(stolen.numUpdatedRows).toBe(0n);
  await db.deleteFrom('users').where('organizationId', '=', theirs.organizationId).execute();
  expect((await countRows()).users).toBeGreaterThan(0);
  const moved = db
    .updateTable('connections')
    .set({ organizationId: theirs.organizationId })
    .where('id', '=', ours.ids.connections ?? '');
  await expect(moved.execute()).rejects.toThrow('row-level security');
});

/** What everybody of an organization may ask, whatever their roles. */
const OPEN = [
  /^GET \/api\/(me|organizations|organization.*|permissions.*|connection_types.*|events_types|syncs\/schedules)$/,
  // Of others there is nothing to see.
  /^GET \/api\/(jobs|queries).*$/,
  /^GET \/api\/(webhooks.*|notifications.*|x\/audit|x\/webhooks.*)$/,
];

it('asks for permission on every route', { timeout: 120_000 }, async () => {
  const { data: role } = await send('POST', '/api/permissions/roles', `Bearer ${ours.userKey}`, { name: 'Nothing' });
  const email = 'nobody@example.org';
  await send('POST', '/api/organization/users', `Bearer ${ours.userKey}`, { email, role_ids: [role.id] });
  const { organizationId } = ours;
  const { key } = await createInstallationKey(fixture.api.services, { kind: 'user', organizationId, email });
  const seen: string[] = [];
  for (const route of ROUTES) {
    const { method, url, versions, callers } = route;
    if (OPEN.some((open) => open.test(`${method} ${url}`)) || callers === 'partner') continue;
    const [version] = versions;
    const body = route.body === undefined ? undefined : (BODIES.get(url) ?? sampleOf(route.body));
    const answer = await fixture.api.send({
      method,
      url: `${fillIn(url, -1, null)}${QUERIES.get(url) ?? ''}`,
      authorization: `Bearer ${key}`,
      body,
      ...(version === undefined ? {} : { version }),
    });
    const isEmptyList = answer.statusCode === 200 && method === 'GET' && answer.json().data?.length === 0;
    if (answer.statusCode !== 403 && !isEmptyList)
      seen.push(`${version} ${method} ${url} ${answer.statusCode} ${answer.body.slice(0, 150)}`);
  }
  expect(seen).toEqual([]);
});

it('deletes an organization with everything in it', async () => {
  const { organizationId } = ours;
  const before = await countRows(organizationId);
  expect(Object.values(before).filter((count) => count > 0).length).toBeGreaterThan(10);
  const url = `/api/organizations/${organizationId}`;
  const authorization = `Bearer ${fixture.api.keys.deploymentKey}`;
  const shared = await send('POST', `${url}/connections/${ours.ids.connections}/shared`, authorization, {
    child_organization_id: theirs.organizationId,
    name: 'shared',
  });
  const refused = await fixture.api.send({ method: 'DELETE', url, authorization });
  expect([refused.statusCode, refused.json().key]).toEqual([422, 'CONNECTION_IN_USE']);
  await send('DELETE', `/api/connections/${shared.data.id}`, `Bearer ${theirs.userKey}`);
  const answer = await fixture.api.send({ method: 'DELETE', url, authorization });
  expect([answer.statusCode, answer.body]).toEqual([200, '']);
  const left = Object.entries(await countRows(organizationId)).filter(([, count]) => count > 0);
  expect(left).toEqual([]);
  expect((await fixture.api.send({ url: '/api/me' })).statusCode).toBe(200);
});
