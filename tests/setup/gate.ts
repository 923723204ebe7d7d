import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/**
 * A gate in front of a database server: what the database sends can be held back in the middle of a transfer, and the
 * database can be taken away. So a test acts while a sync is surely under way, on any machine.
 */
export class Gate implements AsyncDisposable {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;
  #left = Number.POSITIVE_INFINITY;
  /** Bytes that one connection may still carry. */
  #leftEach = Number.POSITIVE_INFINITY;
  readonly #carried = new Map<Socket, number>();
  #held: { readonly from: Socket; readonly to: Socket; readonly bytes: Buffer }[] = [];
  #reached = Promise.withResolvers<void>();

  private constructor(target: URL) {
    this.#target = { host: target.hostname, port: Number(target.port) };
  }

  /** Opens a gate in front of the server of that URL, on a free port. */
  static async open(targetUrl: string): Promise<Gate> {
    const gate = new Gate(new URL(targetUrl));
    await gate.restore();
    return gate;
  }

  /** The URL, through the gate. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.#port);
    return changed.href;
  }

  /** Lets that many more bytes of answers pass, then none. @returns a promise that resolves when they have passed */
  hold(afterBytes: number): Promise<void> {
    this.#left = afterBytes;
    this.#reached = Promise.withResolvers();
    return this.#reached.promise;
  }

  /** Lets that many bytes of answers pass on each connection: every reader stands still in the middle, planning does not. */
  holdEach(afterBytes: number): void {
    this.#carried.clear();
    this.#leftEach = afterBytes;
    this.#reached = Promise.withResolvers();
  }

  /** Resolves when the first reader stands still. */
  get held(): Promise<void> {
    return this.#reached.promise;
  }

  /** Lets everything pass again, first what was held. */
  release(): void {
    this.#left = Number.POSITIVE_INFINITY;
    this.#leftEach = Number.POSITIVE_INFINITY;
    for (const { from, to, bytes } of this.#held.splice(0)) {
      to.write(bytes);
      from.resume();
    }
  }

  /** Breaks every connection and takes no new one, as a server that stops. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    this.#held = [];
    this.#left = Number.POSITIVE_INFINITY;
    this.#leftEach = Number.POSITIVE_INFINITY;
    if (server === null) return;
    server.close();
    await once(server, 'close');
  }

  /** Takes connections again, on the same port. */
  async restore(): Promise<void> {
    const server = createServer((client) => this.#connect(client));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  #connect(client: Socket): void {
    const database = createConnection(this.#target);
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        this.#carried.delete(from);
        to.destroy();
      });
    }
    client.on('data', (bytes) => void database.write(bytes));
    database.on('data', (bytes: Buffer) => this.#pass(database, client, bytes));
  }

  #pass(from: Socket, to: Socket, bytes: Buffer): void {
    const carried = this.#carried.get(from) ?? 0;
    if (this.#left > 0 && carried < this.#leftEach) {
      this.#left -= bytes.length;
      this.#carried.set(from, carried + bytes.length);
      // Slower than the reader is the reader's own matter: it must not fill our memory.
      if (!to.write(bytes)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
      return;
    }
    from.pause();
    this.#held.push({ from, to, bytes });
    this.#reached.resolve();
  }
}
