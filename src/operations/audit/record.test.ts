import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { type AuditEvent, recordAudit } from './record.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

/** What is kept of a change. */
async function keep(before: AuditEvent['before'], after: AuditEvent['after']) {
  const { db } = api.services.store;
  const id = randomUUID();
  const caller = {
    kind: 'organization',
    organizationId: api.keys.organizationId,
    organizationName: 'Default',
    userId: null,
    name: 'Default',
    email: null,
    role: null,
    roleIds: [],
    isAdmin: true,
  } as const;
  await recordAudit(db, { caller }, { action: 'update', object: { type: 'thing', id, name: null }, before, after });
  return db.selectFrom('auditEntries').select(['before', 'after']).where('objectId', '=', id).executeTakeFirstOrThrow();
}

it('keeps of two states what differs, as JSON shows it', async () => {
  const at = new Date('2026-01-01T00:00:00Z');
  const kept = await keep(
    { name: 'a', at, gone: 1, same: [1, { b: 2 }], updatedAt: 1 },
    { name: 'b', at: at.toISOString(), same: [1, { b: 2 }], updatedAt: 2 },
  );
  expect(kept).toEqual({ before: { name: 'a', gone: 1 }, after: { name: 'b' } });
});

it('masks what sounds like a secret at any depth, though a view should come masked', async () => {
  const planted = 'planted-secret';
  const kept = await keep(null, {
    configuration: { password: planted, nested: [{ private_key: planted, apiKey: planted }], user: 'me' },
    secret: planted,
    empty: { password: '' },
  });
  expect(kept).toEqual({
    before: null,
    after: {
      configuration: { password: '********', nested: [{ private_key: '********', apiKey: '********' }], user: 'me' },
      secret: '********',
      empty: { password: '' },
    },
  });
});

it('names the keys of what is too large to be kept', async () => {
  const kept = await keep(
    { schemas: [] },
    { schemas: Array.from({ length: 10_000 }, (_, index) => `schema ${index}`) },
  );
  expect(kept).toEqual({ before: { schemas: [] }, after: { leftOut: 'more than 64 KiB', keys: ['schemas'] } });
});
