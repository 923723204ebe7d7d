import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { Gate } from '../setup/gate.ts';
import { LIMIT_MS, useDatabase, useServer } from '../setup/hooks.ts';
import { type SshServer, startSshServer } from '../setup/ssh-server.ts';
import { makeSync, postgresConfiguration, type Side, untilEnded } from '../setup/syncs.ts';
import { hasCommand } from '../setup/system-packages.ts';

// Source and destination behind an SSH host, from the API to the records.

describe.skipIf(!hasCommand('sshd'))('a sync through an SSH host', () => {
  const source = useDatabase();
  const destination = useDatabase();
  const server = useServer();
  let ssh: SshServer;
  /** In front of the SSH server, so that tunnels can be cut. */
  let gate: Gate;

  beforeAll(async () => {
    ssh = await startSshServer();
    gate = await Gate.open(`ssh://127.0.0.1:${ssh.port}`);
    await queryDatabase(
      source.url,
      `CREATE TABLE t (id int PRIMARY KEY, t text);
       INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 30000) i`,
    );
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    await ssh[Symbol.asyncDispose]();
  });

  const through = (database: TestDatabase): Side => [
    'postgresql',
    {
      ...postgresConfiguration(database.url),
      ssh: true,
      ssh_host: '127.0.0.1',
      ssh_port: Number(new URL(gate.through('ssh://x')).port),
      ssh_user: ssh.username,
      ssh_private_key: ssh.privateKey,
      ssh_host_key: ssh.fingerprint,
    },
  ];

  it('shows no key, and goes on after the tunnels broke in the middle', { timeout: LIMIT_MS }, async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const { client } = server;
    const ends = { source: through(source), destination: through(destination) };
    const sync = await makeSync(server, { name: 'through', ...ends, schemas: ['public.t'] }, signal);
    const { configuration } = await client.getConnection(sync.source_connection_id, signal);
    expect(configuration).toMatchObject({ ssh_private_key: '********', ssh_host_key: ssh.fingerprint });
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
    expect(server.home.readLog()).not.toContain(secret);
  });
});
