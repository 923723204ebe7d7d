import { afterAll, beforeAll, expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// Roles that may have few sessions at once: syncs take their turns instead of failing.

const ROLE = `few_${process.pid}`;

const shop = useDatabase();
const inShop = (sql: string) => queryDatabase(shop.url, sql);

beforeAll(async () => {
  await inShop(`CREATE ROLE ${ROLE} LOGIN PASSWORD 'few' CONNECTION LIMIT 3`);
  await inShop(`GRANT CREATE ON DATABASE ${shop.name} TO ${ROLE}`);
  for (let table = 0; table < 12; table += 1) {
    await inShop(`CREATE TABLE t${table} AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 2000) i`);
    await inShop(`ALTER TABLE t${table} ADD PRIMARY KEY (id)`);
  }
  await inShop(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${ROLE}`);
});

afterAll(async () => {
  await inShop(`DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`);
});

const server = useServer();

/** The shop's database as the role with few sessions. */
function asFew(): string {
  const url = new URL(shop.url);
  url.username = ROLE;
  url.password = 'few';
  return url.href;
}

it('completes a sync whose role may have three sessions, on both sides together', { timeout: LIMIT_MS }, async () => {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const schemas = Array.from({ length: 12 }, (_, table) => `public.t${table}`);
  const destination = ['postgresql', postgresConfiguration(asFew())] as const;
  const options = { destination_configuration: { schema: 'copies' }, concurrency_limit: 8 };
  const sync = await makeSync(server, { name: 'few', source: asFew(), destination, schemas, options }, signal);
  const { id } = await server.client.startBulkSync(sync.id, {}, signal);
  const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
  expect(execution.status).toBe('completed');
  expect(receipt?.verdict).toBe('equal');
  expect(receipt?.schemas[0]?.format).toMatch(/; source: without TLS; destination: without TLS$/);
  expect(receipt?.schemas.map(({ counts }) => counts.written)).toEqual(schemas.map(() => 2000));
});
