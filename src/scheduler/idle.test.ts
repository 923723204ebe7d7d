import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';
import { startJobRunner } from './job-runner.ts';
import { startOutbox } from './outbox.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

const original = pg.Client.prototype.query;
const log = { warn: () => {}, error: () => {} };

/** Statements of the loops until they have looked so often. */
async function listAsked(start: () => { stop(): Promise<void> }, looks: number): Promise<string[]> {
  const asked: string[] = [];
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...taken: unknown[]
  ) {
    if (typeof taken[0] === 'string') asked.push(taken[0]);
    // What the client itself would have been given.
    return Reflect.apply(original, this, taken) as never;
  });
  try {
    const loop = start();
    await vi.waitUntil(() => asked.length > looks, { timeout: 60_000 });
    await loop.stop();
  } finally {
    spy.mockRestore();
  }
  return asked;
}

it('asks one question a look while there is no job, and opens no transaction', async () => {
  const asked = await listAsked(() => startJobRunner(api.services, { log, pollMs: 1 }), 10);
  // Once a minute.
  const questions = asked.filter((text) => !/^(delete from "jobs"|update "jobs" set "free_at")/.test(text));
  expect(new Set(questions)).toEqual(new Set([expect.stringMatching(/^SELECT .*EXISTS \(SELECT FROM "jobs"/)]));
});

it('asks one question a look for all that is sent while nothing waits', async () => {
  const sendMail = () => Promise.reject(new Error('nothing waits'));
  const asked = await listAsked(() => startOutbox(api.services, { log, sendMail, pollMs: 1 }), 10);
  const question = /^SELECT .*EXISTS \(SELECT FROM "webhook_deliveries".*EXISTS \(SELECT FROM "mails"/;
  // Once a minute.
  const questions = asked.filter((text) => !text.startsWith('update "webhook_deliveries" set "due_at"'));
  expect(new Set(questions)).toEqual(new Set([expect.stringMatching(question)]));
});
