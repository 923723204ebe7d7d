import { createHash } from 'node:crypto';
import type { Client, ClientChannel } from 'ssh2';
import { SyncError } from '../../core/index.ts';
import { refuseHostKey, toSshError } from './ssh-errors.ts';
import { TunnelSocket } from './tunnel-socket.ts';
import { untilAborted } from './until-aborted.ts';

/** Where a tunnel begins and how it is proved on both sides. */
export interface SshSettings {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** OpenSSH or PEM, without a passphrase. */
  readonly privateKey: string;
  /** SHA-256 fingerprints of the host's keys, as `findFingerprints` gives them. */
  readonly hostKeys: readonly string[];
  /** True where what goes through is encrypted and verified end to end, so that a false SSH host sees nothing of it. */
  readonly acceptsAnyHostKey: boolean;
}

const READY_TIMEOUT_MS = 10_000;
/** A dead path is noticed after a minute, in the time that a database's own keepalive would take. */
const KEEP_ALIVE_MS = 15_000;
const MAX_UNANSWERED = 3;
/** Time for what was sent last, such as a request to cancel a statement. */
const LINGER_MS = 1_000;

/**
 * One SSH connection that carries any number of forwarded ones. It is opened with the first of them, and again when it
 * broke and the next one is asked for, until the tunnel is disposed.
 */
export class SshTunnel implements AsyncDisposable {
  readonly #settings: SshSettings;
  readonly #resolveHost: (host: string) => Promise<string>;
  #opening: Promise<Client> | null = null;
  #isDisposed = false;
  /** Forwarded connections that are open, or asked for. */
  #channels = 0;

  constructor(settings: SshSettings, resolveHost: (host: string) => Promise<string>) {
    this.#settings = settings;
    this.#resolveHost = resolveHost;
  }

  /**
   * Connects to `host`:`port` as the SSH host sees them: the name is resolved there.
   * @throws `CONN_UNREACHABLE`, `CONN_AUTH_REFUSED`, `CONN_SSH_HOST_KEY`, `CONN_SSH_FAILED`, `CONN_LOST`; the last one
   *   also behind the tunnel's end, when nobody would close what it opened
   */
  async open(host: string, port: number, signal: AbortSignal): Promise<TunnelSocket> {
    signal.throwIfAborted();
    if (this.#isDisposed) throw toSshError(new Error('the tunnel was closed'), this.#name);
    this.#channels += 1;
    try {
      const channel = await this.#openChannel(host, port, signal);
      channel.once('close', () => {
        this.#channels -= 1;
      });
      return new TunnelSocket(channel);
    } catch (error) {
      this.#channels -= 1;
      throw error;
    }
  }

  /** Whoever uses it still has a moment to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const opening = this.#opening;
    this.#opening = null;
    const client = await opening?.catch(() => undefined);
    if (client === undefined) return;
    if (this.#channels === 0) client.end();
    else setTimeout(() => client.end(), LINGER_MS).unref();
  }

  async #openChannel(host: string, port: number, signal: AbortSignal): Promise<ClientChannel> {
    const client = await untilAborted(this.#connected(), signal);
    const forwarding = this.#forward(client, host, port);
    return untilAborted(forwarding, signal).catch((error: unknown) => {
      // One that is answered after the abort has nobody to close it.
      forwarding.then(
        (late) => late.destroy(),
        () => {},
      );
      throw error;
    });
  }

  #connected(): Promise<Client> {
    if (this.#opening !== null) return this.#opening;
    const opening = this.#connect(() => {
      if (this.#opening === opening) this.#opening = null;
    });
    this.#opening = opening;
    return opening;
  }

  async #connect(onEnd: () => void): Promise<Client> {
    try {
      const address = await this.#resolveHost(this.#settings.host);
      // Loaded by those who need it: it takes time and memory that every thread would pay.
      const { default: ssh2 } = await import('ssh2');
      this.#checkKey(ssh2.utils.parseKey(this.#settings.privateKey));
      return await this.#handshake(new ssh2.Client(), address, onEnd);
    } catch (error) {
      onEnd();
      throw error;
    }
  }

  #handshake(client: Client, address: string, onEnd: () => void): Promise<Client> {
    const { port, username, privateKey } = this.#settings;
    let refusal: SyncError | undefined;
    return new Promise((resolve, reject) => {
      client.on('error', (error) => reject(refusal ?? toSshError(error, this.#name)));
      client.on('close', () => {
        onEnd();
        reject(refusal ?? toSshError(new Error('the connection was closed'), this.#name));
      });
      // Otherwise each question waits for the acknowledgement of the one before: 40 ms.
      client.on('ready', () => resolve(client.setNoDelay(true)));
      client.connect({
        host: address,
        port,
        username,
        privateKey,
        readyTimeout: READY_TIMEOUT_MS,
        keepaliveInterval: KEEP_ALIVE_MS,
        keepaliveCountMax: MAX_UNANSWERED,
        hostVerifier: (key: Buffer) => {
          refusal = this.#judge(key);
          return refusal === undefined;
        },
      });
    });
  }

  #judge(key: Buffer): SyncError | undefined {
    const { hostKeys, acceptsAnyHostKey } = this.#settings;
    const shown = toFingerprint(key);
    if (hostKeys.length === 0 ? acceptsAnyHostKey : hostKeys.includes(shown)) return undefined;
    return refuseHostKey(this.#name, `${toKeyType(key)} ${shown}`, hostKeys.length > 0);
  }

  #checkKey(parsed: unknown): void {
    if (!(parsed instanceof Error)) return;
    const advice = /encrypted/i.test(parsed.message)
      ? 'It is protected by a passphrase, for which there is no setting; give a copy without one (ssh-keygen -p -N "").'
      : `Give a private key in OpenSSH or PEM format (${parsed.message}).`;
    throw new SyncError(
      'CONN_AUTH_REFUSED',
      `The private key for the SSH host ${this.#name} cannot be used. ${advice}`,
    );
  }

  #forward(client: Client, host: string, port: number): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const onClose = () => reject(toSshError(new Error('the connection was closed'), this.#name));
      client.once('close', onClose);
      const answer = (error: Error | undefined, channel: ClientChannel) => {
        client.off('close', onClose);
        if (error === undefined) resolve(channel);
        else reject(toSshError(error, this.#name, `${host}:${port}`));
      };
      try {
        client.forwardOut('127.0.0.1', 0, host, port, answer);
      } catch (error) {
        // It ended between the two steps.
        onClose();
        client.off('close', onClose);
        void error;
      }
    });
  }

  get #name(): string {
    return `${this.#settings.username}@${this.#settings.host}:${this.#settings.port}`;
  }
}

/**
 * The SHA-256 fingerprints that a text names: `SHA256:…` as ssh-keygen prints them, or public keys as they stand in
 * `known_hosts` and in `.pub` files.
 */
export function findFingerprints(text: string): readonly string[] {
  return text.split(/[\s,]+/).flatMap((word) => {
    if (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(word)) return [word.replace(/=$/, '')];
    return /^AAAA[A-Za-z0-9+/]{40,}={0,2}$/.test(word) ? [toFingerprint(Buffer.from(word, 'base64'))] : [];
  });
}

function toFingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** A public key begins with the length and the name of its type. */
function toKeyType(key: Buffer): string {
  return key.length < 4 ? 'unknown' : key.toString('latin1', 4, 4 + Math.min(key.readUInt32BE(0), 40));
}
