import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCertificate } from '../../../tests/setup/certificate.ts';
import { FaultProxy } from '../../../tests/setup/fault-proxy.ts';
import { Gate } from '../../../tests/setup/gate.ts';
import { connectDatabase, copySchema, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { type SshServer, startSshServer } from '../../../tests/setup/ssh-server.ts';
import { hasCommand } from '../../../tests/setup/system-packages.ts';
import type { Connector, ConnectorContext } from '../../connector-kit/index.ts';
import { createAddressCheck } from '../../connector-kit/net/index.ts';

describe.skipIf(!hasCommand('sshd'))('an SSH tunnel', () => {
  let ssh: SshServer;
  let side: Side;
  /** In front of the SSH server, so that the connection can be cut. */
  let gate: Gate;

  beforeAll(async () => {
    ssh = await startSshServer();
    side = await openSide();
    gate = await Gate.open(`ssh://127.0.0.1:${ssh.port}`);
    await side.sql(
      'CREATE TABLE wide AS SELECT i AS id, repeat(md5(i::text), 30) AS t FROM generate_series(1, 20000) i',
    );
    await side.sql('CREATE VIEW slow AS SELECT i AS id, pg_sleep(600)::text AS t FROM generate_series(1, 2) i');
  });

  afterAll(async () => {
    await gate[Symbol.asyncDispose]();
    await side[Symbol.asyncDispose]();
    await ssh[Symbol.asyncDispose]();
  });

  function settings(): Readonly<Record<string, unknown>> {
    return {
      ssh: true,
      ssh_host: 'bastion.test',
      ssh_port: Number(new URL(gate.through('ssh://x')).port),
      ssh_user: ssh.username,
      ssh_private_key: ssh.privateKey,
      ssh_host_key: ssh.fingerprint,
    };
  }

  const resolveHost = (host: string) => Promise.resolve(host === 'bastion.test' ? '127.0.0.1' : host);

  function open(changes: Readonly<Record<string, unknown>> = {}, context: Partial<ConnectorContext> = {}) {
    return connectDatabase(side.url, { resolveHost, ...context }, { ...settings(), ...changes });
  }

  async function check(changes: Readonly<Record<string, unknown>> = {}, context: Partial<ConnectorContext> = {}) {
    await using connector = await open(changes, context);
    await connector.check(NEVER);
  }

  it('carries all sessions of a connector, both ways, on one connection', async () => {
    const asked: string[] = [];
    const watched = (host: string) => {
      asked.push(host);
      return resolveHost(host);
    };
    await using both = await open({}, { resolveHost: watched });
    const plan = { table: { schema: 'public', name: 'wide_copy' } };
    const { found, expected } = await copySchema({ source: both, destination: both, schemaId: 'public.wide', plan });
    expect(found).toEqual(expected);
    expect(found.records).toBe(20_000);
    expect(asked).toEqual(['bastion.test']);
  });

  it('leaves the name of the database to the SSH host', async () => {
    await check(
      { hostname: 'localhost' },
      { resolveHost: async (host) => (host === 'localhost' ? '192.0.2.1' : '127.0.0.1') },
    );
  });

  it('takes the host’s public key as well as its fingerprint', async () => {
    await check({ ssh_host_key: ssh.publicHostKey });
    await check({ ssh_host_key: `bastion.test ${ssh.publicHostKey}` });
  });

  it('refuses another host key, and shows the one it met', async () => {
    const another = `SHA256:${'a'.repeat(43)}`;
    await expect(check({ ssh_host_key: another })).rejects.toMatchObject({
      code: 'CONN_SSH_HOST_KEY',
      message: expect.stringMatching(new RegExp(`ssh-ed25519 ${toPattern(ssh.fingerprint)}.*none of those`)),
    });
  });

  it('sends nothing in the clear through a host whose key nobody named', async () => {
    await expect(check({ ssh_host_key: undefined })).rejects.toMatchObject({
      code: 'CONN_SSH_HOST_KEY',
      message: expect.stringMatching(/ssl: false.*ssh_host_key/),
      detail: { shown: `ssh-ed25519 ${ssh.fingerprint}` },
    });
  });

  it('goes on to TLS through such a host, and verifies the database', async () => {
    await expect(check({ ssh_host_key: undefined, ssl: true })).rejects.toMatchObject({
      code: 'CONN_TLS_FAILED',
      message: expect.stringContaining('does not support SSL'),
    });
  });

  it.each([
    ['an unknown key', 'strangerKey', 'CONN_AUTH_REFUSED', /authorized_keys/],
    ['a key with a passphrase', 'protectedKey', 'CONN_AUTH_REFUSED', /ssh-keygen -p/],
    ['a key that may not forward', 'restrictedKey', 'CONN_SSH_FAILED', /AllowTcpForwarding/],
  ] as const)('tells of %s', async (_, key, code, message) => {
    const error = await check({ ssh_private_key: ssh[key] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(String(error)).not.toContain(ssh[key].split('\n')[1]);
  });

  it('tells of a key that is none, without it', async () => {
    const { certificate } = createCertificate('x');
    await expect(check({ ssh_private_key: certificate })).rejects.toMatchObject({ code: 'CONN_AUTH_REFUSED' });
    await expect(check({ ssh_private_key: 'no key' })).rejects.toMatchObject({
      code: 'CONN_AUTH_REFUSED',
      message: expect.not.stringContaining('no key'),
    });
  });

  it('tells the SSH host that does not answer from the database that does not', async () => {
    await expect(check({ ssh_port: 1 })).rejects.toMatchObject({
      code: 'CONN_UNREACHABLE',
      message: expect.stringContaining('the SSH host'),
    });
    await expect(check({ port: 1 })).rejects.toMatchObject({
      code: 'CONN_UNREACHABLE',
      message: expect.stringMatching(/Reaching 127\.0\.0\.1:1 from SSH host/),
    });
  });

  it('tells of a port where something else answers', async () => {
    await expect(check({ ssh_port: Number(new URL(side.url).port) })).rejects.toMatchObject({
      code: 'CONN_LOST',
      message: expect.stringContaining('is the port of an SSH server'),
    });
  });

  it('passes on why the SSH host is refused, and refuses metadata addresses behind it', async () => {
    const strict = { resolveHost: createAddressCheck({ denyPrivate: true, lookup: async () => ['127.0.0.1'] }) };
    await expect(check({}, strict)).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
    await expect(check({ hostname: '169.254.169.254' })).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it('is opened again after it broke', async () => {
    await using connector = await open();
    await connector.check(NEVER);
    await gate.cut();
    await gate.restore();
    const again = () => connector.check(NEVER).then(() => 'yes', String);
    await expect.poll(again).toBe('yes');
  });

  it('breaks off a copy that it loses, and does not take it for the whole', async () => {
    await using connector = await open();
    const { source } = connector;
    if (source === undefined) throw new Error('no source');
    await using snapshot = await source.openSnapshot(NEVER);
    const [schema] = (await source.discover(NEVER)).filter(({ id }) => id === 'public.wide');
    if (schema === undefined) throw new Error('no table');
    const [offer] = source.offer(schema.fields);
    if (offer === undefined) throw new Error('no offer');
    const [range] = await source.planSegments(
      { schema, snapshot, segmentBytes: 1 << 30, from: null, filters: [] },
      NEVER,
    );
    if (range === undefined) throw new Error('no segment');
    gate.holdEach(100_000);
    const read = async () => {
      const request = { schema, format: offer.format, fields: offer.fields, range, snapshot, from: null, filters: [] };
      for await (const _ of source.read(request, NEVER)) void _;
    };
    const reading = read();
    const outcome = expect(reading).rejects.toMatchObject({ code: 'CONN_LOST' });
    await gate.held;
    await gate.cut();
    await outcome;
    await gate.restore();
  });

  it('cancels a statement through the tunnel', async () => {
    const connector = await open();
    await cancelWork(connector);
    await connector[Symbol.asyncDispose]();
    await expect.poll(countRunning).toEqual([['0']]);
  });

  it.each([
    ['a snapshot was let go of', holdSnapshot],
    ['work was cancelled', cancelWork],
  ])('is closed for good with its connector, also when %s before', async (_, work) => {
    await using proxy = await FaultProxy.open(`ssh://127.0.0.1:${ssh.port}`);
    const connector = await open({ ssh_port: Number(new URL(proxy.through('ssh://x')).port) });
    await work(connector);
    await connector[Symbol.asyncDispose]();
    // The last repetition of a cancel comes half a second after the first; timers of one length go off in their order.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await expect.poll(() => proxy.openConnections).toBe(0);
    expect(proxy.acceptedConnections).toBe(1);
  });

  async function holdSnapshot({ source }: Connector): Promise<void> {
    await using _snapshot = await source?.openSnapshot(NEVER);
  }

  /** Aborts a statement that the server is at work on. */
  async function cancelWork({ source }: Connector): Promise<void> {
    const abort = new AbortController();
    if (source === undefined) throw new Error('no source');
    const sampling = source.sample('public.slow', 2, abort.signal);
    const outcome = expect(sampling).rejects.toThrow('stop');
    await expect.poll(countRunning).toEqual([['1']]);
    abort.abort(new Error('stop'));
    await outcome;
  }

  function countRunning() {
    return side.sql(
      `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%slow%' AND state = 'active' AND pid <> pg_backend_pid()`,
    );
  }

  function toPattern(text: string): string {
    return text.replace(/[+/.]/g, '\\$&');
  }
});
