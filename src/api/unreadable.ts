import type { Socket } from 'node:net';
import type { ApiErrorBody } from '../contract/index.ts';

const STATUSES: Readonly<Record<string, readonly [status: number, reason: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The headers of the request are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not arrive in time.'],
};
const MALFORMED = [400, 'Bad Request', 'What arrived is no HTTP request.'] as const;

/** Answers what is no HTTP request, before there is one: in the form of every other error, and closes the connection. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, reason, message] = STATUSES[error.code ?? ''] ?? MALFORMED;
  const body = JSON.stringify({ status, key: 'REQUEST_MALFORMED', message, metadata: {} } satisfies ApiErrorBody);
  const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body);
}
