import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';
import { type SshServer, startSshServer } from '../setup/ssh-server.ts';
import { postgresConfiguration, untilEnded } from '../setup/syncs.ts';
import { hasCommand } from '../setup/system-packages.ts';

// Source and destination behind an SSH host, from the API to the records.

const LIMIT_MS = 90_000;

describe.skipIf(!hasCommand('sshd'))('a sync through an SSH host', () => {
  let metadata: TestDatabase;
  let source: TestDatabase;
  let destination: TestDatabase;
  let ssh: SshServer;
  /** In front of the SSH server, so that tunnels can be cut. */
  let gate: Gate;
  let home: TestHome;
  let server: MillraceProcess;

  beforeAll(async () => {
    metadata = await createTestDatabase();
    source = await createTestDatabase();
    destination = await createTestDatabase();
    ssh = await startSshServer();
    gate = await Gate.open(`ssh://127.0.0.1:${ssh.port}`);
    home = await createTestHome();
    server = await startMillrace(home, { DATABASE_URL: metadata.url });
    const client = new pg.Client(source.url);
    await client.connect();
    await client.query('CREATE TABLE t (id int PRIMARY KEY, t text)');
    await client.query('INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 30000) i');
    await client.end();
  }, LIMIT_MS);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
    await gate[Symbol.asyncDispose]();
    await ssh[Symbol.asyncDispose]();
    for (const database of [destination, source, metadata]) await database[Symbol.asyncDispose]();
  });

  function connect(name: string, database: TestDatabase, signal: AbortSignal) {
    const configuration = {
      ...postgresConfiguration(database.url),
      ssh: true,
      ssh_host: '127.0.0.1',
      ssh_port: Number(new URL(gate.through('ssh://x')).port),
      ssh_user: ssh.username,
      ssh_private_key: ssh.privateKey,
      ssh_host_key: ssh.fingerprint,
    };
    return server.client.createConnection({ name, type: 'postgresql', configuration }, signal);
  }

  it('shows no key, and goes on after the tunnels broke in the middle', { timeout: LIMIT_MS }, async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const { client } = server;
    const from = await connect('near', source, signal);
    const to = await connect('far', destination, signal);
    expect(from.configuration).toMatchObject({ ssh_private_key: '********', ssh_host_key: ssh.fingerprint });
    const isRead = async () =>
      (await client.getSchemasStatus(from.id, signal)).cache_status === 'refreshing' ? null : true;
    await waitFor(isRead, signal);
    const sync = await client.createBulkSync(
      {
        name: 'through',
        mode: 'replicate',
        source_connection_id: from.id,
        destination_connection_id: to.id,
        destination_configuration: { schema: 'landing' },
        default_schedule: { frequency: 'manual' },
        schemas: ['public.t'],
      },
      signal,
    );
    const held = gate.hold(3_000_000);
    const { id } = await client.startBulkSync(sync.id, {}, signal);
    await held;
    await gate.cut();
    await gate.restore();
    const { execution, receipt } = await untilEnded(server, sync.id, id, signal);
    expect(execution.status).toBe('completed');
    expect(receipt).toMatchObject({ verdict: 'equal', schemas: [{ counts: { written: 30_000 } }] });
    expect(receipt?.schemas[0]?.format).toContain('source: without TLS, through SSH');
    const [secret = ''] = ssh.privateKey.split('\n').slice(2);
    expect(secret).not.toBe('');
    expect(home.readLog()).not.toContain(secret);
  });
});
