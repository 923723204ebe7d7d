import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type BulkFixture, useBulkFixture } from '../../tests/setup/bulk-fixture.ts';
import { happen, planSchemas, startSync } from '../../tests/setup/executions.ts';
import { deliverNext, sendNextMail, tidyDeliveries } from '../operations/index.ts';
import { createMailer } from '../runtime/index.ts';
import { takeDelivery } from '../store/index.ts';
import { startOutbox } from './outbox.ts';

const fixture = useBulkFixture();
const services = () => fixture.api.services;
const send: BulkFixture['send'] = (...request) => fixture.send(...request);
const SIGNAL = AbortSignal.timeout(120_000);
/** Six attempts, one behind the other. */
const AT_ONCE = [0, 0, 0, 0, 0];

/** What an endpoint was sent. */
interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let endpoint: Server;
let received: Received[] = [];
let statuses: number[] = [];
let url = '';

beforeAll(async () => {
  endpoint = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  url = `http://127.0.0.1:${await listen(endpoint)}/hook`;
});
afterAll(() => endpoint.close());

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port;
}

beforeEach(async () => {
  received = [];
  statuses = [];
  await services().store.db.deleteFrom('webhooks').execute();
  await services().store.db.deleteFrom('mails').execute();
});

async function makeWebhook(to = url): Promise<string> {
  const { status, body } = await send('POST', '/api/webhooks', { endpoint: to, secret: 'planted-secret' });
  expect(status).toBe(200);
  return body.data.id;
}

/** An execution with one event. */
async function begin(): Promise<string> {
  const execution = await startSync(fixture.api, await fixture.createSync());
  await happen(fixture.api, execution, 'start');
  return execution;
}

async function deliverAll(): Promise<number> {
  let sent = 0;
  while (await deliverNext(services(), SIGNAL, AT_ONCE)) sent += 1;
  return sent;
}

const readDeliveries = async (id: string) => (await send('GET', `/api/x/webhooks/${id}/deliveries`)).body.data;

describe('deliveries', () => {
  it('hold type and event, and are signed over the bytes that are sent', async () => {
    const id = await makeWebhook();
    const execution = await begin();
    expect(await deliverAll()).toBe(1);
    const [{ headers, body } = { headers: {}, body: '' }] = received;
    expect(JSON.parse(body)).toMatchObject({ type: 'bulk_sync.running', event: { execution_id: execution } });
    expect(headers['polytomic-signature']).toBe(createHmac('sha256', 'planted-secret').update(body).digest('hex'));
    expect(headers['content-type']).toBe('application/json');
    const { data } = (await send('GET', '/api/events?limit=1')).body;
    expect(JSON.parse(body)).toEqual(data[0]);
    expect(await readDeliveries(id)).toMatchObject([
      { state: 'delivered', event_type: 'bulk_sync.running', attempts: [{ no: 1, http_status: 204, error: null }] },
    ]);
  });

  it('are tried six times, then given up, each with the same body', async () => {
    statuses = [500, 404, 302, 500, 500, 500];
    const id = await makeWebhook();
    await begin();
    expect(await deliverAll()).toBe(6);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    const [delivery] = await readDeliveries(id);
    expect([delivery.state, delivery.next_attempt_at]).toEqual(['failed', null]);
    expect(delivery.attempts.map(({ http_status }: { http_status: number }) => http_status)).toEqual([
      500, 404, 302, 500, 500, 500,
    ]);
  });

  it('wait longer before each retry', async () => {
    statuses = [500, 500];
    const id = await makeWebhook();
    await begin();
    const { db } = services().store;
    const waits: number[] = [];
    for (const _ of statuses.slice()) {
      const before = Date.now();
      expect(await deliverNext(services(), SIGNAL)).toBe(true);
      const [delivery] = await readDeliveries(id);
      waits.push(Math.round((Date.parse(delivery.next_attempt_at) - before) / 10_000));
      expect(await deliverNext(services(), SIGNAL)).toBe(false);
      await db
        .updateTable('webhookDeliveries')
        .set({ dueAt: new Date(0) })
        .execute();
    }
    expect(waits).toEqual([1, 6]);
    await db.deleteFrom('webhooks').execute();
  });

  it('name the reason where nothing answers, and never the secret', async () => {
    const tcp = createTcpServer();
    const port = await listen(tcp);
    await new Promise((resolve) => tcp.close(resolve));
    const id = await makeWebhook(`http://127.0.0.1:${port}/`);
    await begin();
    await deliverNext(services(), SIGNAL);
    const [delivery] = await readDeliveries(id);
    expect(delivery.attempts[0].error).toContain(`127.0.0.1:${port}`);
    expect(JSON.stringify(delivery)).not.toContain('planted-secret');
    await services().store.db.deleteFrom('webhooks').execute();
  });

  it('that a dead process has begun are taken up under another number once the lease is over', async () => {
    const id = await makeWebhook();
    await begin();
    const dead = await takeDelivery(services().store, { leaseMs: 60_000, maxAttempts: 6 });
    expect([dead?.attempt, await deliverAll()]).toEqual([1, 0]);
    await services()
      .store.db.updateTable('webhookDeliveries')
      .set({ dueAt: new Date(0) })
      .execute();
    expect(await deliverAll()).toBe(1);
    expect(await readDeliveries(id)).toMatchObject([
      {
        state: 'delivered',
        attempts: [
          { no: 1, ended_at: null, http_status: null },
          { no: 2, http_status: 204 },
        ],
      },
    ]);
  });

  it('that a dead process has begun wait no longer than usual when the clock was set back; pauses are left alone', async () => {
    const { pool } = services().store;
    statuses = [500];
    await makeWebhook();
    await begin();
    await deliverNext(services(), SIGNAL, [7_200_000]);
    await begin();
    const dead = await takeDelivery(services().store, { leaseMs: 60_000, maxAttempts: 6 });
    const readDue = async (): Promise<{
      readonly lease: string;
      readonly pause: string;
      readonly isUsual: boolean;
    }> => {
      const columns = `max(due_at::text) FILTER (WHERE id = $1) AS lease, max(due_at::text) FILTER (WHERE id <> $1) AS pause,
        bool_and(due_at < now() + interval '61 seconds') FILTER (WHERE id = $1) AS "isUsual"`;
      return (await pool.query(`SELECT ${columns} FROM webhook_deliveries`, [dead?.id])).rows[0];
    };
    const before = await readDue();
    await tidyDeliveries(services());
    expect(await readDue()).toEqual(before);
    await pool.query(`UPDATE webhook_deliveries SET due_at = due_at + interval '1 day' WHERE id = $1`, [dead?.id]);
    const outbox = startOutbox(services(), { log: { warn: () => {} }, pollMs: 5 });
    await vi.waitUntil(async () => (await readDue()).isUsual, { timeout: 60_000 });
    await outbox.stop();
    expect(await readDue()).toMatchObject({ pause: before.pause });
  });

  it('are sent once by many processes', async () => {
    await makeWebhook();
    await begin();
    const sent = await Promise.all(Array.from({ length: 4 }, () => deliverNext(services(), SIGNAL)));
    expect([sent.filter(Boolean).length, received.length]).toEqual([1, 1]);
  });

  it('stop while the webhook is disabled; nothing of that time is sent afterwards', async () => {
    const id = await makeWebhook();
    await begin();
    await send('POST', `/api/webhooks/${id}/disable`);
    await begin();
    await send('POST', `/api/webhooks/${id}/enable`);
    expect(await deliverAll()).toBe(0);
    expect((await readDeliveries(id)).map(({ state }: { state: string }) => state)).toEqual(['canceled']);
    await begin();
    expect([await deliverAll(), received.length]).toEqual([1, 1]);
  });

  it('are done by the loop, which ends when it is told to', async () => {
    await makeWebhook();
    const outbox = startOutbox(services(), { log: { warn: () => {} }, pollMs: 5 });
    await begin();
    await expect.poll(() => received.length).toBe(1);
    await outbox.stop();
    await begin();
    expect(received.length).toBe(1);
  });
});

describe('e-mails', () => {
  const mails: string[] = [];
  let refuses = false;
  let mailer: ReturnType<typeof createMailer>;

  beforeAll(async () => {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      logger: false,
      onRcptTo: (_address, _session, done) => (refuses ? done(new Error('no such mailbox')) : done()),
      onData: (stream, _session, done) => {
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('end', () => {
          mails.push(Buffer.concat(parts).toString('utf8'));
          done();
        });
      },
    });
    const port = await new Promise<number>((resolve) => {
      const listening = server.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port));
    });
    mailer = createMailer({
      url: `smtp://127.0.0.1:${port}`,
      from: 'Millrace <millrace@example.com>',
      resolveHost: async (host) => host,
    });
    return () => new Promise<void>((resolve) => server.close(() => resolve()));
  });
  beforeEach(() => {
    mails.length = 0;
    refuses = false;
  });

  const subscribe = (...emails: string[]) => send('PUT', '/api/notifications/global-error-subscribers', { emails });
  const readState = () => services().store.db.selectFrom('mails').select(['recipient', 'state', 'error']).execute();

  it('tell each subscriber of an execution that failed, as text and as HTML', async () => {
    await subscribe('one@example.com', 'two@example.com');
    const name = 'Shop <b>& more</b>';
    const execution = await startSync(fixture.api, await fixture.createSync({ name }));
    await happen(fixture.api, execution, 'start');
    await planSchemas(fixture.api, execution, [{ schemaId: 'public.orders' }], new Date());
    await happen(fixture.api, execution, 'fail');
    await Promise.all([sendNextMail(services(), mailer), sendNextMail(services(), mailer)]);
    expect(await sendNextMail(services(), mailer)).toBe(false);
    expect(mails.map((mail) => /^To: (.*)$/m.exec(mail)?.[1]?.trim()).sort()).toEqual([
      'one@example.com',
      'two@example.com',
    ]);
    const [mail = ''] = mails;
    const plain = mail.replace(/=\r?\n/g, '').replace(/=3D/g, '=');
    expect(plain).toContain('multipart/alternative');
    expect(plain).toContain('Shop &lt;b&gt;&amp; more&lt;/b&gt;');
    expect(plain).toContain('Schemas that failed: public.orders');
    expect(plain).toContain(execution);
    expect(plain).toContain('http://millrace.example/api/bulk/syncs/');
    expect((await readState()).map(({ state }) => state)).toEqual(['sent', 'sent']);
  });

  it('tell of errors, and of nothing else', async () => {
    await subscribe('one@example.com');
    for (const end of ['complete', 'settle_cancel', 'complete_with_errors'] as const) {
      await happen(fixture.api, await begin(), end);
    }
    expect((await readState()).length).toBe(1);
    const test = await begin();
    await services().store.db.updateTable('executions').set({ isTest: true }).where('id', '=', test).execute();
    await happen(fixture.api, test, 'fail');
    expect((await readState()).length).toBe(1);
    await sendNextMail(services(), mailer);
    expect(mails[0]?.replace(/=\r?\n/g, '')).toContain('completed with errors</title>');
    await subscribe();
    await happen(fixture.api, await begin(), 'fail');
    expect((await readState()).length).toBe(1);
  });

  it('that the server does not take are tried again, then given up with its words', async () => {
    await subscribe('one@example.com');
    await happen(fixture.api, await begin(), 'fail');
    refuses = true;
    for (const _ of [1, 2]) expect(await sendNextMail(services(), mailer, [0, 0])).toBe(true);
    expect(await readState()).toMatchObject([{ state: 'waiting' }]);
    await sendNextMail(services(), mailer, [0, 0]);
    expect(await sendNextMail(services(), mailer, [0, 0])).toBe(false);
    expect(await readState()).toMatchObject([{ state: 'failed', error: expect.stringContaining('no such mailbox') }]);
    onTestFinished(async () => void (await subscribe()));
  });
});
