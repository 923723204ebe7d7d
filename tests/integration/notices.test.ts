import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome } from '../setup/millrace.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

const LIMIT_MS = 120_000;
const SIGNAL = AbortSignal.timeout(LIMIT_MS);
const SECRET = 'planted-secret';

let home: TestHome;
let server: MillraceProcess;
let metadata: TestDatabase;
let source: TestDatabase;
const hooks: { readonly signature: unknown; readonly body: string }[] = [];
const mails: string[] = [];
const endpoint = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (part: string) => {
    body += part;
  });
  request.on('end', () => {
    hooks.push({ signature: request.headers['polytomic-signature'], body });
    response.writeHead(204).end();
  });
});
const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  logger: false,
  onData: (stream, _session, done) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    stream.on('end', () => {
      mails.push(text.replace(/=\r?\n/g, ''));
      done();
    });
  },
});

async function listen(on: Server): Promise<number> {
  on.listen(0, '127.0.0.1');
  await once(on, 'listening');
  // A server that listens on TCP has such an address.
  return (on.address() as AddressInfo).port;
}

async function send(method: string, path: string, body?: object): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: SIGNAL,
  });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json();
}

beforeAll(async () => {
  home = await createTestHome();
  metadata = await createTestDatabase();
  source = await createTestDatabase();
  await queryDatabase(source.url, 'CREATE TABLE items (id bigint PRIMARY KEY)');
  server = await startMillrace(home, {
    DATABASE_URL: metadata.ownerUrl,
    MILLRACE_SMTP_URL: `smtp://127.0.0.1:${await listen(smtp.server)}`,
    MILLRACE_MAIL_FROM: 'Millrace <millrace@example.com>',
  });
}, LIMIT_MS);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  endpoint.close();
  smtp.close();
  await source?.[Symbol.asyncDispose]();
  await metadata?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
});

it(
  'tells a webhook and a subscriber of an execution that fails, and gives its log to who has the link',
  async () => {
    const port = await listen(endpoint);
    await send('POST', '/api/webhooks', { endpoint: `http://127.0.0.1:${port}/`, secret: SECRET });
    await send('PUT', '/api/notifications/global-error-subscribers', { emails: ['oncall@example.com'] });
    const sync = await makeSync(
      server,
      {
        name: 'doomed',
        source: source.url,
        destination: ['postgresql', postgresConfiguration(source.url)],
        schemas: ['public.items'],
      },
      SIGNAL,
    );
    await queryDatabase(source.url, 'DROP TABLE items');
    const { id } = await server.client.startBulkSync(sync.id, {}, SIGNAL);
    const { execution } = await untilEnded(server, sync.id, id, SIGNAL);
    expect(execution.status).toBe('failed');

    await expect.poll(() => hooks.length).toBe(2);
    const told = hooks.map(({ body }) => JSON.parse(body));
    expect(told.map(({ type }) => type).sort()).toEqual(['bulk_sync.failed', 'bulk_sync.running']);
    expect(told.every(({ event }) => event.execution_id === id)).toBe(true);
    for (const { signature, body } of hooks)
      expect(signature).toBe(createHmac('sha256', SECRET).update(body).digest('hex'));

    await expect.poll(() => mails.length).toBe(1);
    expect(mails[0]).toContain('Bulk sync "doomed" failed'.replaceAll('"', '&quot;'));
    expect(mails[0]).toContain(`${server.url}/api/bulk/syncs/${sync.id}/executions/${id}/consolelog`);

    const { data } = await send('GET', `/api/bulk/syncs/${sync.id}/executions/${id}/logs`);
    const log = await fetch(data.URLs[0], { signal: SIGNAL });
    expect([log.status, await log.text()]).toEqual([200, expect.stringContaining('Ended as failed')]);
    expect(home.readLog()).not.toContain(SECRET);
  },
  LIMIT_MS,
);
