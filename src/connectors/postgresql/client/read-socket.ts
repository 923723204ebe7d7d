import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Takes bytes that are valid during the call only. False pauses the socket until `resume`. */
export type ByteSink = (bytes: Uint8Array) => boolean;

/** As much as a loopback or a fast network hands over at once. */
const READ_BYTES = 128 * 1024;

/** Sockets made here, and who takes their bytes at the moment instead of the driver. */
const SINKS = new WeakMap<Duplex, { sink: ByteSink | null }>();

/**
 * A socket that reads into one buffer for ever. An ordinary one allocates a buffer for each read, and V8 lets some
 * 64 MB of them pile up in every thread before it collects them.
 */
export function createReadSocket(): Socket {
  const state: { sink: ByteSink | null } = { sink: null };
  const socket: Socket = new Socket({
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(bytesRead, buffer) {
        const bytes = buffer.subarray(0, bytesRead);
        if (state.sink !== null) return state.sink(bytes);
        // The driver's parser keeps what it has not finished, so it gets a copy.
        socket.emit('data', Buffer.from(bytes));
        return true;
      },
    },
  });
  SINKS.set(socket, state);
  return socket;
}

/**
 * Leads the bytes of a session's socket to a sink. The driver's parser holds no bytes of its own while the session is
 * idle, so nothing is lost at either hand-over. The answer gives the socket back.
 */
export function divertBytes(stream: Duplex, sink: ByteSink): () => void {
  const state = SINKS.get(stream);
  if (state === undefined) return divertEvents(stream, sink);
  state.sink = sink;
  return () => {
    state.sink = null;
  };
}

/** A TLS socket reads through its own layer and knows data events only. */
function divertEvents(stream: Duplex, sink: ByteSink): () => void {
  const parsers = stream.listeners('data').map(toListener);
  const onData = (bytes: Buffer) => {
    if (!sink(bytes)) stream.pause();
  };
  // Ours first: a flowing stream without a listener drops its data.
  stream.on('data', onData);
  for (const parser of parsers) stream.off('data', parser);
  return () => {
    for (const parser of parsers) stream.on('data', parser);
    stream.off('data', onData);
    stream.resume();
  };
}

function toListener(listener: unknown): (...args: unknown[]) => void {
  // `listeners` types its result as Function; every entry was given to `on`.
  return listener as (...args: unknown[]) => void;
}
