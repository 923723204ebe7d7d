import { once } from 'node:events';
import { createServer } from 'node:net';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { SyncError } from '../core/index.ts';
import { describeFailure, toDatabaseError, toListenError } from './startup-errors.ts';

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
}

async function connect(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 60_000 });
  client.on('error', () => {});
  await client.connect();
  await client.end();
}

function changed(part: 'password' | 'pathname' | 'port', value: string): string {
  const url = new URL(inject('postgresOwnerUrl'));
  url[part] = value;
  return url.href;
}

describe('toDatabaseError', () => {
  it.each([
    ['a wrong password', () => changed('password', 'wrong'), /password authentication failed/],
    ['a database that is not there', () => changed('pathname', '/nowhere'), /database "nowhere" does not exist/],
    ['a port where nothing answers', () => changed('port', '1'), /ECONNREFUSED/],
    ['a host that does not exist', () => 'postgresql://me:pw@host.invalid/db', /host\.invalid/],
  ])('turns %s into one sentence without the password', async (_, makeUrl, reason) => {
    const url = makeUrl();
    const error = toDatabaseError(await failureOf(connect(url)), url);
    expect(error).toMatchObject({ code: 'METADATA_UNREACHABLE', message: expect.stringMatching(reason) });
    expect(describeFailure(error)).toMatch(/^Could not open the metadata database .* as .*: .*DATABASE_URL.*\.$/);
    expect(describeFailure(error)).not.toContain(new URL(url).password);
  });

  it('leaves the error of a query alone', async () => {
    const client = new pg.Client(inject('postgresOwnerUrl'));
    await client.connect();
    const error = await failureOf(client.query('SELECT nothing FROM nowhere'));
    await client.end();
    expect(toDatabaseError(error, inject('postgresOwnerUrl'))).toBe(error);
  });
});

describe('toListenError', () => {
  it('names the port that another program has', async () => {
    await using first = createServer().listen(0, '127.0.0.1');
    await once(first, 'listening');
    const address = first.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const [error] = await once(createServer().listen(port, '127.0.0.1'), 'error');
    expect(describeFailure(toListenError(error, '127.0.0.1', port))).toBe(
      `Could not listen on 127.0.0.1:${port}: another program listens there. Set MILLRACE_PORT or MILLRACE_HOST to another one.`,
    );
  });

  it('leaves other errors alone', () => {
    const error = new Error('x');
    expect(toListenError(error, 'h', 1)).toBe(error);
  });
});

describe('describeFailure', () => {
  it('shows a stack for our defects only', () => {
    expect(describeFailure(new SyncError('HOME_IN_USE', 'Stop the other one.'))).toBe('Stop the other one.');
    expect(describeFailure(new TypeError('x is not a function'))).toMatch(/defect in itself: TypeError: .*\n\s+at /);
    expect(describeFailure(new SyncError('INTERNAL', 'broken'))).toMatch(/defect in itself: .*broken\n\s+at /);
  });
});
