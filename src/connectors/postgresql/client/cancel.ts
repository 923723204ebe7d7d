import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Endpoint } from './route.ts';

const TIMEOUT_MS = 5_000;
const REPEAT_AFTER_MS = [100, 500];
/** In place of a protocol version: cancel what the backend with this id and key does. */
const CANCEL_REQUEST = 80_877_102;
/** In place of a protocol version: let us speak TLS. */
const TLS_REQUEST = 80_877_103;

/** Whose statement is to be cancelled. */
export interface CancelKey {
  readonly processId: number;
  readonly secretKey: number;
}

/**
 * Asks the server to cancel, on connections of their own and under the same TLS as the session. Requests are not answered,
 * and failing to send one is harmless. Repeated, because one that overtakes the statement which it is to cancel does nothing;
 * but not behind the end of a tunnel, which the first one still gets through.
 */
export function sendCancel(endpoint: Endpoint, tls: ConnectionOptions | null, key: CancelKey): void {
  const message = toMessage(CANCEL_REQUEST, key.processId, key.secretKey);
  // Failing is harmless, see above.
  const send = () => void sendOnce(endpoint, tls, message).catch(() => {});
  send();
  for (const delayMs of REPEAT_AFTER_MS) setTimeout(send, delayMs).unref();
}

async function sendOnce(endpoint: Endpoint, tls: ConnectionOptions | null, message: Buffer): Promise<void> {
  const stream = await endpoint.connectAgain();
  setTimeout(() => stream.destroy(), TIMEOUT_MS).unref();
  stream.on('error', () => stream.destroy());
  const carrier = tls === null ? stream : await encrypt(stream, { host: endpoint.host, ...tls });
  carrier.on('error', () => carrier.destroy());
  carrier.resume();
  carrier.end(message);
}

async function encrypt(socket: Duplex, options: ConnectionOptions): Promise<Duplex> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1')));
    socket.once('close', () => reject(new Error('closed')));
  });
  socket.write(toMessage(TLS_REQUEST));
  if ((await answer) !== 'S') throw new Error('refused');
  return connectTls({ ...options, socket });
}

function toMessage(...numbers: readonly number[]): Buffer {
  const message = Buffer.alloc(4 + 4 * numbers.length);
  message.writeInt32BE(message.length, 0);
  for (const [index, number] of numbers.entries()) message.writeInt32BE(number, 4 + 4 * index);
  return message;
}
