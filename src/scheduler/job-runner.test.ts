import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';
import { SyncError } from '../core/index.ts';
import { createContext, type JobHandlers, runJob, startJob, takeNextJob, tidyJobs } from '../operations/index.ts';
import { deleteOrganization, insertOrganization, insertQueryPage } from '../store/index.ts';
import { startJobRunner } from './job-runner.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

const log = { warn: () => {}, error: () => {} };
const NEVER = new AbortController().signal;
const once = { maxAttempts: 1, limitMs: 60_000 };

const caller = () =>
  ({
    kind: 'organization',
    organizationId: api.keys.organizationId,
    organizationName: 'Organization',
    userId: null,
    name: 'Organization',
    email: null,
    role: null,
    roleIds: [],
    isAdmin: true,
  }) as const;

const ask = (input: object = {}) => startJob(createContext(api.services, caller()), 'exportlogs', input);

/** What the author of a job reads of it. */
async function read(id: string): Promise<ReturnType<typeof JSON.parse>> {
  const { organizationId, deploymentKey } = api.keys;
  const authorization = `Basic ${Buffer.from(`${organizationId}:${deploymentKey}`).toString('base64')}`;
  return (await api.send({ url: `/api/jobs/exportlogs/${id}`, authorization })).json();
}

/** Takes and does one job as a process would, and gives up what `signal` stops. */
async function work(handlers: JobHandlers, signal: AbortSignal = NEVER): Promise<void> {
  const job = await takeNextJob(api.services);
  if (job !== undefined) await runJob(api.services, job, signal, handlers);
}

/** As if the job's taker had died a while ago. */
const loseTaker = () =>
  api.services.store.db
    .updateTable('jobs')
    .set({ freeAt: new Date(0) })
    .where('finishedAt', 'is', null)
    .execute();

it('does a job with its author’s rights and keeps the result, and the input no longer', async () => {
  const { id } = await ask({ number: 7 });
  expect((await read(id)).data).toEqual({ job_id: id, type: 'exportlogs', status: 'created' });
  await work({
    exportlogs: {
      ...once,
      run: async ({ caller: { kind, organizationId } }, job) => ({ kind, organizationId, job, text: 'a\0b\ud800' }),
    },
  });
  const { data } = await read(id);
  expect(data).toMatchObject({ status: 'done', result: { kind: 'organization', job: { id, input: { number: 7 } } } });
  expect(data.result.text).toBe('a\ufffdb\ufffd');
  const stored = await api.services.store.db.selectFrom('jobs').select('input').where('id', '=', id).execute();
  expect(stored).toEqual([{ input: {} }]);
});

it('fails with what the work says, and without what a defect says', async () => {
  const refused = await ask();
  await work({ exportlogs: { ...once, run: () => Promise.reject(new SyncError('NOT_FOUND', 'There is nothing.')) } });
  expect((await read(refused.id)).data).toMatchObject({ status: 'failed', error: 'There is nothing.' });
  const broken = await ask();
  const defect = work({ exportlogs: { ...once, run: () => Promise.reject(new Error('secret insides')) } });
  await expect(defect).rejects.toThrow('secret insides');
  expect((await read(broken.id)).data.error).toMatch(/the log tells why/);
});

it('says that one has to ask again after what passes by itself', async () => {
  const { id } = await ask();
  const lost = new SyncError('CONN_LOST', 'Reading failed: closed; it is tried again by itself.');
  await work({ exportlogs: { ...once, run: () => Promise.reject(lost) } });
  expect((await read(id)).data.error).toBe('Reading failed: closed. Ask again.');
});

it('is stopped when its time is over', async () => {
  const { id } = await ask();
  const run: JobHandlers['x'] = {
    maxAttempts: 1,
    limitMs: 20,
    run: (_context, _job, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
  };
  await work({ exportlogs: run });
  expect((await read(id)).data).toMatchObject({ status: 'failed', error: 'It was stopped after 0.02 s.' });
});

it('is taken again after a crash, as often as it may begin, and then given up', async () => {
  const { id } = await ask();
  await takeNextJob(api.services);
  expect(await takeNextJob(api.services)).toBeUndefined();
  await loseTaker();
  const again = await takeNextJob(api.services);
  expect(again?.id).toBe(id);
  await loseTaker();
  await work({ exportlogs: { ...once, maxAttempts: 2, run: async () => 'never' } });
  expect((await read(id)).data).toMatchObject({ status: 'failed', error: expect.stringContaining('stopped') });
});

it('is not ended by a process that lost it', async () => {
  const { id } = await ask();
  const first = await takeNextJob(api.services);
  await loseTaker();
  if (first === undefined) throw new Error('nothing was taken');
  await work({ exportlogs: { ...once, maxAttempts: 2, run: async () => 'second' } });
  await runJob(api.services, first, NEVER, { exportlogs: { ...once, run: async () => 'first' } });
  expect((await read(id)).data.result).toBe('second');
});

it('waits no longer than usual for a taker that died before the clock was set back', async () => {
  const { pool } = api.services.store;
  const { id } = await ask();
  await takeNextJob(api.services);
  const readLease = async (): Promise<{ readonly at: string; readonly isUsual: boolean }> => {
    const columns = `free_at::text AS at, free_at < now() + interval '16 seconds' AS "isUsual"`;
    return (await pool.query(`SELECT ${columns} FROM jobs WHERE id = $1`, [id])).rows[0];
  };
  const taken = await readLease();
  await tidyJobs(api.services);
  expect(await readLease()).toMatchObject({ at: taken.at });
  await pool.query(`UPDATE jobs SET free_at = free_at + interval '1 day' WHERE id = $1`, [id]);
  const runner = startJobRunner(api.services, { log, pollMs: 5, handlers: {} });
  await vi.waitUntil(async () => (await readLease()).isUsual, { timeout: 60_000 });
  await runner.stop();
  await loseTaker();
  await work({ exportlogs: { ...once, maxAttempts: 2, run: async () => 'done after all' } });
  expect((await read(id)).data.status).toBe('done');
});

it('ends without a word when its organization is deleted under it', async () => {
  const { store } = api.services;
  const organizationId = randomUUID();
  await insertOrganization(store.db, { id: organizationId, name: 'to be deleted' });
  const context = createContext(api.services, { ...caller(), organizationId });
  await startJob(context, 'exportlogs', {});
  const run = async (_context: unknown, job: { readonly id: string }) => {
    await store.transaction(({ db }) => deleteOrganization(db, organizationId));
    await insertQueryPage(store.db, organizationId, job.id, { number: 0, records: [{ id: 1 }] });
  };
  expect(await work({ exportlogs: { ...once, run } })).toBeUndefined();
});

it('is given back by a process that stops, and done by the next', async () => {
  const { id } = await ask();
  const stopping = new AbortController();
  const run = () => {
    stopping.abort();
    return Promise.reject(stopping.signal.reason);
  };
  await work({ exportlogs: { ...once, run } }, stopping.signal);
  await work({ exportlogs: { ...once, run: async () => 'done after all' } });
  expect((await read(id)).data).toMatchObject({ status: 'done', result: 'done after all' });
});

it('is worked off by the loop, and removed a day later', async () => {
  const { id } = await ask();
  const handlers = { exportlogs: { ...once, run: async () => 1 } };
  const runner = startJobRunner(api.services, { log, pollMs: 5, handlers });
  await vi.waitUntil(async () => (await read(id)).data.status === 'done', { timeout: 60_000 });
  await runner.stop();
  const day = { expiresAt: new Date(Date.now() - 1) };
  await api.services.store.db.updateTable('jobs').set(day).where('id', '=', id).execute();
  const next = startJobRunner(api.services, { log, pollMs: 5, handlers });
  await vi.waitUntil(async () => (await read(id)).status === 404, { timeout: 60_000 });
  await next.stop();
});

it('is unknown to everybody but its author, and to a path with another type', async () => {
  const { id } = await ask();
  expect((await api.send({ url: `/api/jobs/exportlogs/${id}` })).statusCode).toBe(404);
  const types = await Promise.all(
    ['samplemodel', 'runquery', 'nothing'].map((type) => api.send({ url: `/api/jobs/${type}/${id}` })),
  );
  expect(types.map(({ statusCode }) => statusCode)).toEqual([404, 400, 400]);
});

it('is refused while the organization has a hundred that have not ended', async () => {
  for (let count = 0; count < 100; count += 1) await ask().catch(() => {});
  await expect(ask()).rejects.toMatchObject({ code: 'TOO_MANY_JOBS' });
  await api.services.store.db.deleteFrom('jobs').execute();
});
