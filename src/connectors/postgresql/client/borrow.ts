import type { Duplex } from 'node:stream';
import { SyncError } from '../../../core/index.ts';
import type { ServerError } from '../errors.ts';
import { type ByteSink, divertBytes } from './read-socket.ts';

/** An authenticated socket between two answers of the server, lent to a COPY. */
export interface BorrowedSocket {
  readonly stream: Duplex;
  /** Gives the socket back to the driver. Only after `ReadyForQuery`, when no byte is left unread. */
  giveBack(): void;
}

/** Takes the socket's bytes away from the driver; authentication and TLS stay its business. */
export function borrowSocket(stream: Duplex, sink: ByteSink, onClose: (error: Error) => void): BorrowedSocket {
  const close = () => onClose(new SyncError('CONN_LOST', 'The server closed the connection in the middle of a COPY.'));
  const restore = divertBytes(stream, sink);
  stream.on('close', close);
  stream.on('error', onClose);
  // One that was closed before says nothing more, and whoever waits for it would wait for ever.
  if (stream.destroyed) close();
  return {
    stream,
    giveBack() {
      restore();
      stream.off('close', close);
      stream.off('error', onClose);
    },
  };
}

/** Message types of the backend that a COPY meets, as character codes. */
export const BACKEND = { copyIn: 0x47, copyOut: 0x48, error: 0x45, ready: 0x5a, complete: 0x43 } as const;

/** A simple `Query` message. */
export function toQueryMessage(sql: string): Buffer {
  const text = Buffer.from(sql, 'utf8');
  const message = Buffer.allocUnsafe(text.length + 6);
  message[0] = 0x51;
  message.writeInt32BE(text.length + 5, 1);
  text.copy(message, 5);
  message[message.length - 1] = 0;
  return message;
}

/** The fields of an `ErrorResponse`, under the names that the driver's own errors have. */
export function fromErrorResponse(payload: Uint8Array): Error & ServerError {
  const fields = new Map<string, string>();
  for (const field of Buffer.from(payload).toString('utf8').split('\0')) fields.set(field.slice(0, 1), field.slice(1));
  return Object.assign(new Error(fields.get('M') ?? 'error without a message'), {
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    code: fields.get('C') ?? 'XX000',
    column: fields.get('c'),
    constraint: fields.get('n'),
    where: fields.get('W'),
  });
}
