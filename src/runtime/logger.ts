import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Names of fields whose values never reach a log. */
const SECRET_FIELDS = [
  'password',
  'secret',
  'token',
  'metricsToken',
  'key',
  'apiKey',
  'userKey',
  'deploymentKey',
  'encryptionKey',
  'authorization',
  'configuration',
  'databaseUrl',
  'superuserUrl',
  'connectionString',
];
const PASSWORD_IN_URL = /(\w:\/\/[^\s:/@"]*):[^\s/@"]+@/g;

/** Where and how much to log. */
export interface LoggerOptions {
  /** Least level written. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly output?: LogOutput;
}

/** A stream as Node's standard output is one; a terminal gets readable lines, everything else JSON lines. */
export interface LogOutput {
  readonly isTTY?: boolean;
  write(line: string): unknown;
}

/**
 * Our logger: one sentence with ids as fields. Fields with the name of a secret, here or one level down, and
 * passwords inside URLs are masked; a secret in a sentence is not recognised, so do not put it there.
 */
export function createLogger({ level = 'info', output = process.stdout }: LoggerOptions = {}): Logger {
  const stream: DestinationStream = {
    write: (line) => void output.write(output.isTTY ? toReadableLine(line) : line),
  };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '***' },
      hooks: { streamWrite: (line) => line.replace(PASSWORD_IN_URL, '$1:***@') },
    },
    stream,
  );
}

/** `12:03:04 warn  what happened (id=7)`, and a stack below where there is one. */
function toReadableLine(line: string): string {
  // pino wrote this line itself, from an object.
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(fields).map(([name, value]) => `${name}=${toText(value)}`);
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${err.stack}` : '';
  const detail = facts.length > 0 ? ` (${facts.join(' ')})` : '';
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${msg ?? ''}${detail}${stack}\n`;
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
