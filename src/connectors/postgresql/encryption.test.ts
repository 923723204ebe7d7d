import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCertificate } from '../../../tests/setup/certificate.ts';
import { type OwnServer, startOwnServer } from '../../../tests/setup/own-server.ts';
import { connectDatabase, copySchema, NEVER } from '../../../tests/setup/postgresql-loads.ts';
import { type SshServer, startSshServer } from '../../../tests/setup/ssh-server.ts';
import { hasCommand } from '../../../tests/setup/system-packages.ts';

// A server that takes TLS only, and from some users a certificate.

const authority = createCertificate('db.test');
const certified = createCertificate('certified');
const stranger = createCertificate('certified');
let server: OwnServer;

beforeAll(async () => {
  server = await startOwnServer();
  server.writeFile('server.crt', authority.certificate);
  server.writeFile('server.key', authority.key);
  server.writeFile('clients.crt', certified.certificate);
  const rules = [
    'hostssl all certified,other 127.0.0.1/32 cert',
    'hostssl all twofold 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
    'hostssl all encrypted 127.0.0.1/32 scram-sha-256',
    'hostnossl all certified,other,twofold,encrypted 127.0.0.1/32 reject',
  ];
  server.writeFile('pg_hba.conf', rules.join('\n'), 'first');
  for (const role of ['certified', 'other', 'twofold', 'encrypted'])
    await server.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE postgres TO ${role}`);
  await server.sql(`CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(600)::text AS t; GRANT SELECT ON slow TO PUBLIC`);
  await server.sql(`ALTER SYSTEM SET ssl = on`);
  await server.sql(`ALTER SYSTEM SET ssl_ca_file = 'clients.crt'`);
  await server.sql('SELECT pg_reload_conf()');
  await vi.waitFor(() => check({}), { timeout: 60_000 });
});

afterAll(() => server[Symbol.asyncDispose]());

const resolveHost = () => Promise.resolve('127.0.0.1');
const pair = { client_certs: true, client_certificate: certified.certificate, client_key: certified.key };

function open(changes: Readonly<Record<string, unknown>>) {
  const settings = { ssl: true, hostname: 'db.test', ca_cert: authority.certificate, username: 'encrypted' };
  return connectDatabase(server.url, { resolveHost }, { ...settings, password: 'secret', ...changes });
}

async function check(changes: Readonly<Record<string, unknown>>): Promise<void> {
  await using connector = await open(changes);
  await connector.check(NEVER);
}

describe('the server’s certificate', () => {
  it('must be signed by the authority that was given', async () => {
    await expect(check({ ca_cert: stranger.certificate })).rejects.toMatchObject({
      code: 'CONN_TLS_FAILED',
      message: expect.stringContaining('Give the authority’s certificate in ca_cert.'),
    });
    await expect(check({ ca_cert: undefined })).rejects.toMatchObject({ code: 'CONN_TLS_FAILED' });
  });

  it('must be for the name that was given', async () => {
    await expect(check({ hostname: 'other.test' })).rejects.toMatchObject({
      code: 'CONN_TLS_FAILED',
      message: expect.stringMatching(/other\.test.*connect by a name that stands in it/),
    });
    await expect(check({ hostname: '127.0.0.1' })).rejects.toMatchObject({ code: 'CONN_TLS_FAILED' });
  });

  it('is asked for even where the server would go on without', async () => {
    await expect(check({ ssl: false })).rejects.toMatchObject({
      code: 'CONN_AUTH_REFUSED',
      message: expect.stringContaining('no encryption'),
    });
  });
});

describe('a client certificate', () => {
  it('lets its user in without a password', async () => {
    await check({ ...pair, username: 'certified', password: '' });
  });

  it('goes beside a password', async () => {
    await check({ ...pair, username: 'twofold' });
    await expect(check({ ...pair, username: 'twofold', password: 'wrong' })).rejects.toMatchObject({
      code: 'CONN_AUTH_REFUSED',
    });
  });

  it('is for its own user', async () => {
    await expect(check({ ...pair, username: 'other' })).rejects.toMatchObject({
      code: 'CONN_AUTH_REFUSED',
      message: expect.stringContaining('certificate authentication failed for user "other"'),
    });
  });

  it('is named where it is missing', async () => {
    await expect(check({ username: 'twofold' })).rejects.toMatchObject({
      code: 'CONN_AUTH_REFUSED',
      message: expect.stringContaining('client certificate'),
    });
  });

  it('is named where the server does not know who signed it', async () => {
    const unknown = { ...pair, client_certificate: stranger.certificate, client_key: stranger.key };
    const error = await check({ ...unknown, username: 'twofold' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONN_TLS_FAILED', message: expect.stringMatching(/client_certificate/) });
  });
});

it('carries encrypted copies both ways', async () => {
  await server.sql(
    `CREATE TABLE wide AS SELECT i AS id, repeat(md5(i::text), 30) AS t FROM generate_series(1, 20000) i;
     GRANT SELECT ON wide TO encrypted`,
  );
  await using both = await open({});
  const plan = { table: { schema: 'copies', name: 'wide' } };
  const { found, expected } = await copySchema({ source: both, destination: both, schemaId: 'public.wide', plan });
  expect(found).toEqual(expected);
  expect(found.records).toBe(20_000);
});

it('cancels an encrypted statement', async () => {
  await using connector = await open({});
  const { source } = connector;
  if (source === undefined) throw new Error('no source');
  const abort = new AbortController();
  const outcome = expect(source.sample('public.slow', 1, abort.signal)).rejects.toThrow('stop');
  const running = async () => {
    const { rows } = await server.sql(`SELECT FROM pg_stat_activity WHERE usename = 'encrypted' AND state = 'active'`);
    return rows.length;
  };
  await expect.poll(running).toBe(1);
  abort.abort(new Error('stop'));
  await outcome;
  await expect.poll(running).toBe(0);
});

describe.skipIf(!hasCommand('sshd'))('inside an SSH tunnel', () => {
  let ssh: SshServer;

  beforeAll(async () => {
    ssh = await startSshServer();
  });

  afterAll(() => ssh[Symbol.asyncDispose]());

  it('verifies the database’s name, and needs no host key', async () => {
    const local = createCertificate('localhost');
    server.writeFile('server.crt', local.certificate);
    server.writeFile('server.key', local.key);
    await server.sql('SELECT pg_reload_conf()');
    const tunnel = {
      ssh: true,
      ssh_host: 'bastion.test',
      ssh_port: ssh.port,
      ssh_user: ssh.username,
      ssh_private_key: ssh.privateKey,
      ca_cert: local.certificate,
    };
    const through = (hostname: string) => check({ ...tunnel, hostname });
    await expect.poll(() => through('localhost').then(() => 'yes', String)).toBe('yes');
    await expect(through('127.0.0.1')).rejects.toMatchObject({
      code: 'CONN_TLS_FAILED',
      message: expect.stringContaining('connect by a name that stands in it'),
    });
    await check({ ...tunnel, ...pair, hostname: 'localhost', username: 'certified' });
  });
});
