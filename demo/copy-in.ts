import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { Writable } from 'node:stream';
import pg from 'pg';

/** The part of the driver's connection that COPY needs; the driver has it, its published types do not. */
interface CopyConnection {
  readonly stream: Writable;
  sendCopyFromChunk(chunk: Uint8Array): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

/** A query whose `COPY … FROM STDIN` takes its bytes from a file. */
class FileCopy extends pg.Query {
  readonly #file: string;

  constructor(sql: string, file: string, done: (error: Error | undefined | null) => void) {
    super(sql, done);
    this.#file = file;
  }

  /** Called by the driver when the server is ready to receive. */
  handleCopyInResponse(connection: CopyConnection): void {
    send(this.#file, connection).then(
      () => connection.endCopyFrom(),
      (error: unknown) => connection.sendCopyFail(String(error)),
    );
  }
}

/** Loads a file by `COPY … FROM STDIN`, so that the server need not be able to read our folders. */
export function copyFromFile(client: pg.Client, sql: string, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new FileCopy(sql, file, (error) => (error ? reject(error) : resolve())));
  });
}

async function send(file: string, connection: CopyConnection): Promise<void> {
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
    connection.sendCopyFromChunk(chunk);
    if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
  }
}
