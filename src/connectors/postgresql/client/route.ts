import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectorContext } from '../../../connector-kit/index.ts';
import { findFingerprints, refuseForbiddenLiteral, SshTunnel } from '../../../connector-kit/net/index.ts';
import type { PostgresqlConfig } from '../config.ts';
import { createReadSocket } from './read-socket.ts';

/** One server, as a session reaches it. */
export interface Endpoint {
  /** What the driver is told: the address that was checked, or behind a tunnel the name as it is. */
  readonly host: string;
  /** The driver's stream; undefined = an ordinary socket of its own. */
  readonly stream: (() => Duplex) | undefined;
  /** Connects to the same place once more, for a request to cancel. */
  connectAgain(): Promise<Duplex>;
}

/** The way of one connector to its server, shared by all of its sessions. */
export interface Route extends AsyncDisposable {
  /** @throws `CONN_ADDRESS_REFUSED`, `CONN_UNREACHABLE`; through SSH whatever a tunnel throws */
  open(signal: AbortSignal): Promise<Endpoint>;
}

/** Straight to the server, or through the SSH host of the connection. Nothing is opened yet. */
export function createRoute(config: PostgresqlConfig, context: Pick<ConnectorContext, 'resolveHost'>): Route {
  return config.ssh ? createTunnelRoute(config, context) : createDirectRoute(config, context);
}

/** How records travel, for people. */
export function describeTransport({ ssl, client_certs, ssh, ssh_host_key }: PostgresqlConfig): string {
  const encryption = ssl ? `TLS, verified${client_certs ? ', with a client certificate' : ''}` : 'without TLS';
  if (!ssh) return encryption;
  return `${encryption}, through SSH${ssh_host_key ? '' : ' (host key not checked)'}`;
}

function createDirectRoute(config: PostgresqlConfig, context: Pick<ConnectorContext, 'resolveHost'>): Route {
  return {
    open: async () => {
      const host = await context.resolveHost(config.hostname);
      // A TLS layer would read past the read socket.
      return { host, stream: config.ssl ? undefined : createReadSocket, connectAgain: () => dial(config.port, host) };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function createTunnelRoute(config: PostgresqlConfig, context: Pick<ConnectorContext, 'resolveHost'>): Route {
  const tunnel = new SshTunnel(
    {
      host: config.ssh_host ?? '',
      port: config.ssh_port ?? 22,
      username: config.ssh_user || 'root',
      privateKey: config.ssh_private_key ?? '',
      hostKeys: findFingerprints(config.ssh_host_key ?? ''),
      acceptsAnyHostKey: config.ssl,
    },
    context.resolveHost,
  );
  const { port } = config;
  const hostname = config.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    open: async (signal) => {
      refuseForbiddenLiteral(hostname);
      const socket = await tunnel.open(hostname, port, signal);
      return {
        host: hostname,
        stream: () => socket,
        connectAgain: () => tunnel.open(hostname, port, AbortSignal.timeout(5_000)),
      };
    },
    [Symbol.asyncDispose]: () => tunnel[Symbol.asyncDispose](),
  };
}

function dial(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.once('error', reject);
    socket.unref();
  });
}
