import { Duplex } from 'node:stream';

/**
 * One forwarded connection, as a stream that drivers take for a TCP socket. It was connected before it was made; `connect`
 * only tells the driver so. Closing it closes the channel, not the tunnel.
 */
export class TunnelSocket extends Duplex {
  readonly #channel: Duplex;
  #hasEnded = false;

  constructor(channel: Duplex) {
    super({ allowHalfOpen: false });
    this.#channel = channel;
    channel.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) channel.pause();
    });
    channel.on('end', () => {
      this.#hasEnded = true;
      this.push(null);
    });
    // What was received is still read; only a channel that broke off ends the stream at once.
    channel.on('close', () => {
      if (!this.#hasEnded) this.destroy();
    });
    channel.on('error', (error: Error) => this.destroy(error));
  }

  connect(): this {
    process.nextTick(() => this.emit('connect'));
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  /** The tunnel keeps itself alive. */
  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.write(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.destroy();
    // A TLS layer above says why it gave up before it is told that its socket has closed, as with a TCP socket.
    setImmediate(done, error);
  }
}
