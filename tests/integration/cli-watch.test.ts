import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCli } from '../setup/cli-process.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';

let home: TestHome;
let server: MillraceProcess;
let source: TestDatabase;
let destination: TestDatabase;
let session: pg.Client;

beforeAll(async () => {
  [source, destination, home] = await Promise.all([createTestDatabase(), createTestDatabase(), createTestHome()]);
  session = new pg.Client(source.url);
  await session.connect();
  await session.query('CREATE TABLE people (id bigint PRIMARY KEY, name varchar(20))');
  await session.query(`INSERT INTO people SELECT i, 'person ' || i FROM generate_series(1, 1000) AS i`);
  server = await startMillrace(home);
  for (const [name, database] of Object.entries({ shop: source, warehouse: destination })) {
    const { code, errors } = await millrace(['connections', 'create', '-f', connectionFile(name, database)]);
    expect(errors).toBe('');
    expect(code).toBe(0);
  }
  const made = await millrace(['syncs', 'create', '-f', syncFile()]);
  expect(made).toMatchObject({ code: 0, errors: '' });
}, 90_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await session.end();
  await home[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
});

/** The command in a process of its own; it finds the server by the home folder. */
function start(args: readonly string[]) {
  const TEST_PASSWORD = decodeURIComponent(new URL(source.url).password);
  return startCli(args, { MILLRACE_HOME: home.folder, TEST_PASSWORD });
}

function millrace(args: readonly string[]) {
  return start(args).ended;
}

function write(name: string, text: string): string {
  const file = join(home.folder, name);
  writeFileSync(file, text);
  return file;
}

function connectionFile(name: string, { url }: TestDatabase): string {
  const { hostname, port, username, pathname } = new URL(url);
  // JSON is YAML, too.
  const configuration = {
    hostname,
    port: Number(port),
    username,
    database: pathname.slice(1),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the notation of definition files
    password: '${TEST_PASSWORD}',
    ssl: false,
  };
  return write(`${name}.json`, JSON.stringify({ name, type: 'postgresql', configuration }));
}

function syncFile(): string {
  return write(
    'sync.yaml',
    [
      'name: people',
      'mode: replicate',
      'source_connection_id: shop',
      'destination_connection_id: warehouse',
      'destination_configuration: {schema: copied}',
      'default_schedule: {frequency: manual}',
      'schemas: [public.people]',
    ].join('\n'),
  );
}

describe('syncs plan', () => {
  it('tells what a start would do, does none of it, and answers 0', async () => {
    await session.query('ANALYZE people');
    const { code, output, errors } = await millrace(['syncs', 'plan', 'people', '--schema', 'public.people']);
    expect(errors).toBe('');
    expect(output).toMatch(/public\.people +load +replace +copied\.people +create +1,000 /);
    expect(output).toContain('create table: people');
    expect(code).toBe(0);
    expect((await server.client.listBulkSyncs()).length).toBe(1);
    const status = await millrace(['syncs', 'status', 'people']);
    expect(status.output).toContain('has not run yet');
  });

  it('answers 1 and the document when something would be refused', async () => {
    const { code, output } = await millrace(['syncs', 'plan', 'people', '--max-loss-percent', '200', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(output)).toMatchObject({ refusals: [{ code: 'REQUEST_REFUSED' }], execution_id: null });
  });

  it('takes either an execution or the options of a start', async () => {
    const { code, errors } = await millrace(['syncs', 'plan', 'people', '--execution', 'x', '--fetch-mode', 'full']);
    expect(code).toBe(2);
    expect(errors).toContain('--execution');
  });
});

describe('syncs start --watch', () => {
  it('follows a sync to its end, prints its receipt and answers 0', async () => {
    const { code, output, errors } = await millrace(['syncs', 'start', 'people', '--watch']);
    expect(errors).toBe('');
    expect(output).toContain('completed: 1,000 records written');
    expect(output).toMatch(/Receipt +equal/);
    expect(output).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  it('prints one JSON document with the execution and its receipt', async () => {
    const { code, output } = await millrace(['syncs', 'start', 'people', '--watch', '--json']);
    const { execution } = JSON.parse(output);
    expect(JSON.parse(output)).toMatchObject({
      execution: { status: 'completed', record_count: 0 },
      receipt: { verdict: 'equal' },
    });
    expect(code).toBe(0);
    const plan = await millrace(['syncs', 'plan', 'people', '--execution', execution.id]);
    expect(plan.output).toContain('full scan: the schema has no tracking field');
  });

  it('takes a loss guard of its own, and nothing but a number for it', async () => {
    const wrong = await millrace(['syncs', 'start', 'people', '--max-loss-percent', 'all']);
    expect(wrong).toMatchObject({ code: 2, errors: expect.stringContaining('"all"') });
    await session.query('CREATE TEMP TABLE aside AS SELECT * FROM people; DELETE FROM people');
    const stopped = await millrace(['syncs', 'start', 'people', '--watch']);
    expect(stopped.output).toContain('would lose 1000 of 1000 live records');
    expect(stopped.code).toBe(1);
    const allowed = await millrace(['syncs', 'start', 'people', '--watch', '--max-loss-percent', '100']);
    expect(allowed.code).toBe(0);
    await session.query('INSERT INTO people SELECT * FROM aside');
    expect((await millrace(['syncs', 'start', 'people', '--watch'])).code).toBe(0);
  });

  it('leaves the sync running at Ctrl-C and says so', async () => {
    await session.query('BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE');
    const { child, text, ended } = start(['syncs', 'start', 'people', '--watch']);
    const limit = AbortSignal.timeout(60_000);
    await waitFor(async () => (text.output.includes('Ctrl-C leaves it running') ? true : null), limit);
    child.kill('SIGINT');
    const { code, errors } = await ended;
    expect(code).toBe(130);
    expect(errors).toContain('"people" goes on without us');
    await session.query('COMMIT');
    const [sync] = await server.client.listBulkSyncs();
    const last = await waitFor(async () => {
      const status = await server.client.getBulkSyncStatus(sync?.id ?? '', limit);
      return status.current_execution === undefined ? (status.last_execution ?? null) : null;
    }, limit);
    expect(last.status).toBe('completed');
  });

  it('answers 1 when the execution does not complete', async () => {
    await session.query('ALTER TABLE people RENAME TO persons');
    const { code, output } = await millrace(['syncs', 'start', 'people', '--watch']);
    expect(output).toContain('public.people');
    expect(code).toBe(1);
  });

  it('prints the receipt of an earlier execution', async () => {
    const [sync] = await server.client.listBulkSyncs();
    const { data } = JSON.parse(
      await (
        await fetch(`${server.url}/api/bulk/syncs/${sync?.id}/executions?ascending=true`, {
          headers: { authorization: `Bearer ${server.apiKey}` },
        })
      ).text(),
    );
    const { code, output } = await millrace(['syncs', 'receipt', 'people', '--execution', data[0].id]);
    expect(output).toMatch(/public\.people +equal +1,000 +1,000/);
    expect(code).toBe(0);
  });
});
