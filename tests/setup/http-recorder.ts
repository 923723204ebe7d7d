import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';

/** A request that reached a recorder. */
export interface RecordedRequest {
  /** `METHOD /path?query`, as it came. */
  readonly line: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTP server of one test file, which keeps what it was asked. */
export interface HttpRecorder {
  /** Every request, in order. */
  readonly seen: readonly RecordedRequest[];
  /** `http://127.0.0.1:<port>`; known to hooks and tests only. */
  readonly origin: string;
  readonly port: number;
}

/** Starts one for all tests of the file; `answer` is called when a request has come whole. */
export function useHttpRecorder(answer: (request: IncomingMessage, response: ServerResponse) => void): HttpRecorder {
  const seen: RecordedRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      answer(request, response);
    });
  });
  let port = 0;
  beforeAll(async () => {
    port = await listen(server);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    seen,
    get origin() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
  };
}

/** Lets a server listen on a free port of this machine, and answers the port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has such an address.
  return (server.address() as AddressInfo).port;
}
