import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../tests/setup/databases.ts';
import { fillHistory, type History } from '../../../tests/setup/history.ts';
import { listAuditEntries } from '../audit/audit-entries.ts';
import { openStore, type Store, type StoreDatabase } from '../database.ts';
import { findDueKinds } from '../due-rows.ts';
import { takeJob } from '../jobs/jobs.ts';
import { removeOldMails, takeMail } from '../mails/mails.ts';
import { listDeliveries } from '../webhooks/deliveries.ts';
import { listEvents, removeOldEvents } from './events.ts';

const EVENTS = 20_000;
const WEBHOOK = '00000000-0000-4000-8000-00000000000a';
const PLACE = { time: '1700000000000000', id: WEBHOOK };

let home: string;
let database: TestDatabase;
let history: History;
let store: Store;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-events-'));
  database = await createTestDatabase();
  const masterKey = { environment: null, file: join(home, 'master.key') };
  store = await openStore({ url: database.ownerUrl, masterKey, maxConnections: 3 });
  history = await fillHistory(database, { syncs: 1, executionsPerSync: 2 });
  const organization = `'${history.organizationId}'`;
  await history.sql(`
    INSERT INTO organizations (id, name) SELECT gen_random_uuid(), 'other ' || n FROM generate_series(1, 20) n`);
  await history.sql(`
    INSERT INTO events (organization_id, type, payload, created_at)
      SELECT o.id, (ARRAY['bulk_sync.running', 'bulk_sync.completed', 'bulk_sync.failed'])[n % 3 + 1], '{}', now() - n * interval '20 seconds'
      FROM generate_series(1, ${EVENTS} / 20) n CROSS JOIN organizations o`);
  await history.sql(`
    INSERT INTO audit_entries (organization_id, actor_type, actor_name, action, object_type, object_id)
      SELECT o.id, 'system', 'Millrace', 'update', 'bulk_sync', (n % 100)::text FROM generate_series(1, ${EVENTS} / 20) n CROSS JOIN organizations o`);
  await history.sql(`
    INSERT INTO webhooks (id, organization_id, endpoint, secret) VALUES ('${WEBHOOK}', ${organization}, 'https://example.com', '')`);
  await history.sql(`
    INSERT INTO webhook_deliveries (organization_id, webhook_id, event_id, state, created_at)
      SELECT ${organization}, '${WEBHOOK}', id, 'delivered', created_at FROM events`);
  await history.sql(`
    INSERT INTO mails (organization_id, recipient, template, facts, state, created_at)
      SELECT ${organization}, 'a@example.com', 'execution_failed', '{}', 'sent', now() - n * interval '1 minute' FROM generate_series(1, ${EVENTS}) n`);
  await history.sql(`
    INSERT INTO jobs (id, organization_id, type, status, caller, author_type, input, finished_at)
      SELECT gen_random_uuid(), ${organization}, 'exportlogs', 'done', '{}', 'user', '{}', now() FROM generate_series(1, ${EVENTS})`);
  await history.sql('ANALYZE');
}, 120_000);

afterAll(async () => {
  await history[Symbol.asyncDispose]();
  await store.close();
  await database[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const events = { type: null, after: null, before: null, readableBy: null, limit: 10, position: null };
const audit = {
  objectType: null,
  objectId: null,
  actorId: null,
  after: null,
  before: null,
  position: null,
  limit: 100,
};

it.each<[string, (db: StoreDatabase, organization: string) => Promise<unknown>]>([
  ['a page of events', (db, organization) => listEvents(db, organization, events)],
  ['a later page of events', (db, organization) => listEvents(db, organization, { ...events, position: PLACE })],
  ['events of a type', (db, organization) => listEvents(db, organization, { ...events, type: 'bulk_sync.failed' })],
  ['a page of changes', (db, organization) => listAuditEntries(db, organization, audit)],
  ['a later page of changes', (db, organization) => listAuditEntries(db, organization, { ...audit, position: '500' })],
  ['changes of an object', (db, organization) => listAuditEntries(db, organization, { ...audit, objectId: '7' })],
  [
    'a page of deliveries',
    (db, organization) => listDeliveries(db, organization, WEBHOOK, { limit: 20, position: PLACE }),
  ],
  ['a mail to send', (db) => takeMail(db, 1_000)],
  ['a job to do', (db) => takeJob(db)],
  ['what is due', (db) => findDueKinds(db, ['jobs', 'webhookDeliveries', 'mails'])],
  ['mails that are too old', (db) => removeOldMails(db, 100)],
  ['events that are too old', (db) => removeOldEvents(db, 100)],
])('nothing is read through for %s', async (_, work) => {
  const plans = await history.explain((db) => work(db, history.organizationId));
  expect(plans.length).toBeGreaterThan(0);
  for (const plan of plans)
    expect(plan).not.toMatch(/Seq Scan on (events|audit_entries|webhook_deliveries|webhook_attempts|mails|jobs)\b/);
});

it('events are removed after 48 hours with what was delivered of them, and mails after a week', async () => {
  const count = async (table: string, older: string) => {
    const [row] = await history.sql(
      `SELECT count(*) FILTER (WHERE created_at < now() - interval '${older}')::int AS old, count(*)::int AS all FROM ${table}`,
    );
    return row;
  };
  // Ten minutes lie between what is to go and what is to stay, so that nothing comes of age while this is done.
  await history.sql(`UPDATE events SET created_at = created_at - interval '47 hours'
    - CASE WHEN created_at < now() - interval '1 hour' THEN interval '10 minutes' ELSE interval '-10 minutes' END`);
  await history.sql(
    `UPDATE mails SET created_at = created_at + interval '10 minutes' WHERE created_at > now() - interval '7 days'`,
  );
  while ((await removeOldEvents(store.db, 500)) > 0);
  while ((await removeOldMails(store.db, 500)) > 0);
  expect(await count('events', '48 hours')).toMatchObject({ old: 0 });
  const left = (await count('events', '48 hours'))?.all;
  expect([left === 0, (await count('webhook_deliveries', '1000 hours'))?.all]).toEqual([false, left]);
  expect(await count('mails', '7 days')).toMatchObject({ old: 0 });
});

it('mails that could not be sent within a day are given up', async () => {
  const id = crypto.randomUUID();
  await history.sql(`INSERT INTO mails (id, organization_id, recipient, template, facts, due_at, created_at)
    VALUES ('${id}', '${history.organizationId}', 'a@example.com', 'invitation', '{}', now(), now() - interval '25 hours')`);
  await removeOldMails(store.db, 1);
  const mail = await store.db.selectFrom('mails').selectAll().where('id', '=', id).executeTakeFirst();
  expect(mail).toMatchObject({ state: 'failed', error: expect.stringContaining('within a day') });
});
