import { expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { runJob, takeNextJob } from '../../operations/index.ts';

const fixture = useBulkFixture();
const contract = readContract('2025-09-18');
const RUN = 'POST /api/connections/{connection_id}/query';
const GET = 'GET /api/queries/{id}';
// Answers are looked at in every depth; their shapes are proved against the published document.
type Body = ReturnType<typeof JSON.parse>;

async function run(text: string): Promise<Body> {
  const url = `/api/connections/${fixture.sourceId}/query?query=${encodeURIComponent(text)}`;
  const { status, body } = await fixture.send('POST', url, {});
  expect([status, contract.check(RUN, 200, body), contract.listUnknownKeys(RUN, 200, body)]).toEqual([200, [], []]);
  return body.data;
}

async function get(path: string): Promise<Body> {
  const { status, body } = await fixture.send('GET', path);
  expect([status, contract.check(GET, 200, body), contract.listUnknownKeys(GET, 200, body)]).toEqual([200, [], []]);
  return body;
}

async function work(signal: AbortSignal = new AbortController().signal): Promise<void> {
  const job = await takeNextJob(fixture.api.services);
  if (job !== undefined) await runJob(fixture.api.services, job, signal);
}

it('runs later, and shows what was found page by page until it expires', async () => {
  const { id, status } = await run('SELECT id, total FROM orders, generate_series(1, 3) ORDER BY id');
  expect(status).toBe('created');
  expect(await get(`/api/queries/${id}`)).toEqual({ data: { id, status: 'created' } });
  await work();
  const first = await get(`/api/queries/${id}`);
  expect(first.data).toMatchObject({ status: 'done', count: 300, fields: ['id', 'total'] });
  expect(first.data.results[0]).toEqual({ id: 1, total: '1.50' });
  const inAnHour = Date.parse(first.data.expires) - Date.now();
  expect(inAnHour).toBeGreaterThan(0);
  expect(inAnHour).toBeLessThanOrEqual(3_600_000);
  expect(first.links).not.toHaveProperty('previous');
  const second = await get(first.links.next);
  const third = await get(second.links.next);
  expect([first, second, third].flatMap((page) => page.data.results).map((record) => record.id)).toEqual(
    Array.from({ length: 300 }, (_, index) => Math.floor(index / 3) + 1),
  );
  expect(third.links).not.toHaveProperty('next');
  expect((await get(third.links.previous)).data).toEqual(second.data);
  const past = { expiresAt: new Date(Date.now() - 1) };
  await fixture.api.services.store.db.updateTable('jobs').set(past).where('id', '=', id).execute();
  expect((await fixture.send('GET', `/api/queries/${id}`)).status).toBe(404);
});

it('takes its text in the body as well', async () => {
  const url = `/api/connections/${fixture.sourceId}/query`;
  const asked = await fixture.send('POST', url, { query: 'SELECT 1 AS one WHERE false' }, '2024-02-08');
  expect(asked.status).toBe(200);
  await work();
  const { data, links } = await get(`/api/queries/${asked.body.data.id}`);
  expect(data).toMatchObject({ count: 0, results: [], fields: ['one'] });
  expect(links).toEqual({});
});

it('shows columns of any name', async () => {
  const { id } = await run('SELECT 1 AS "__proto__", 2 AS "constructor"');
  await work();
  const { data } = await get(`/api/queries/${id}`);
  expect(Object.entries(data.results[0])).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ]);
});

it('keeps so much and says so in a header', async () => {
  const { id } = await run('SELECT n FROM generate_series(1, 10001) n');
  await work();
  const answer = await fixture.api.send({ url: `/api/queries/${id}` });
  expect(answer.json().data.count).toBe(10_000);
  expect(answer.headers.warning).toContain('10000');
});

it.each([
  ['SELECT nothing', 'does not exist'],
  ['SELECT * FROM nowhere', /\(SQLSTATE 42P01\)\.$/],
  ['DELETE FROM orders', 'syntax error'],
  ['WITH d AS (DELETE FROM orders RETURNING 1) SELECT * FROM d', 'data-modifying'],
])('fails with what the system says of it: %s', async (text, says) => {
  const { id } = await run(text);
  await work();
  const { data } = await get(`/api/queries/${id}`);
  expect(data).toMatchObject({ status: 'failed', error: expect.stringMatching(says) });
  expect(data).not.toHaveProperty('results');
});

it('fails with a reason when the process that ran it died', async () => {
  const { id } = await run('SELECT 1');
  await takeNextJob(fixture.api.services);
  expect((await get(`/api/queries/${id}`)).data.status).toBe('running');
  const past = { freeAt: new Date(0) };
  await fixture.api.services.store.db.updateTable('jobs').set(past).where('id', '=', id).execute();
  await work();
  expect((await get(`/api/queries/${id}`)).data).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/stopped/),
  });
});

it('is unknown to everybody but its author', async () => {
  const { id } = await run('SELECT 1');
  await work();
  const { organizationId, deploymentKey } = fixture.api.keys;
  const authorization = `Basic ${Buffer.from(`${organizationId}:${deploymentKey}`).toString('base64')}`;
  expect((await fixture.api.send({ url: `/api/queries/${id}`, authorization })).statusCode).toBe(404);
  expect((await fixture.send('GET', `/api/queries/${UNKNOWN_ID}`)).status).toBe(404);
  expect((await fixture.send('GET', `/api/queries/${id}?page=nonsense`)).status).toBe(400);
  expect((await fixture.send('GET', `/api/jobs/runquery/${id}`)).status).toBe(400);
});

it('is refused without a text, with two, and for what is no connection that can be asked', async () => {
  const url = `/api/connections/${fixture.sourceId}/query`;
  const answers = await Promise.all([
    fixture.send('POST', url, {}),
    fixture.send('POST', url),
    fixture.send('POST', `${url}?query=SELECT+1`, { query: 'SELECT 2' }),
    fixture.send('POST', url, { query: 7 }),
    fixture.send('POST', url, { query: 'SELECT 1', extra: true }),
    fixture.send('POST', `/api/connections/${UNKNOWN_ID}/query?query=SELECT+1`, {}),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 404]);
  for (const { body } of answers.slice(0, 4)) expect(body.message).toContain('`query`');
});
