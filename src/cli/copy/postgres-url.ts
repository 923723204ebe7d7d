import { readFileSync } from 'node:fs';
import { UsageError } from '../usage-error.ts';

/** A PostgreSQL connection as a URL gives it; without `password` where the URL has none. */
export interface PostgresEndpoint {
  readonly type: 'postgresql';
  readonly configuration: Readonly<Record<string, unknown>>;
}

const THIS_MACHINE = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Reads `postgresql://user@host:5432/database?sslmode=…&sslrootcert=…`. Without `sslmode` a connection is encrypted and
 * verified, except to this machine.
 * @throws `UsageError` naming the part that is missing or not known; never the password
 */
export function parsePostgresUrl(text: string): PostgresEndpoint {
  const url = URL.parse(text);
  if (url === null || url.hostname === '')
    throw new UsageError(`Not a PostgreSQL URL: write postgresql://user@host:5432/database.`);
  const database = decodeURIComponent(url.pathname.slice(1));
  if (url.username === '')
    throw new UsageError(
      `The URL of ${url.host} names no user: write postgresql://user@${url.host}/${database || 'database'}.`,
    );
  if (database === '')
    throw new UsageError(
      `The URL of ${url.host} names no database: write postgresql://${url.username}@${url.host}/database.`,
    );
  const { sslmode, sslrootcert, ...unknown } = Object.fromEntries(url.searchParams);
  const [parameter] = Object.keys(unknown);
  if (parameter !== undefined)
    throw new UsageError(
      `The URL of ${url.host} sets "${parameter}", which copy does not know; known are sslmode and sslrootcert.`,
    );
  return {
    type: 'postgresql',
    configuration: {
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 5432),
      username: decodeURIComponent(url.username),
      database,
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      ssl: readSslMode(sslmode, url),
      ...(sslrootcert === undefined ? {} : { ca_cert: readCertificate(sslrootcert) }),
    },
  };
}

/** Modes that would let an attacker choose plain text are refused. */
function readSslMode(mode: string | undefined, { host, hostname }: URL): boolean {
  if (mode === undefined) return !THIS_MACHINE.has(hostname);
  if (mode === 'disable') return false;
  if (['require', 'verify-ca', 'verify-full'].includes(mode)) return true;
  throw new UsageError(
    `The URL of ${host} asks for sslmode=${mode}: write verify-full, or disable for a connection without encryption.`,
  );
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`Could not read the certificate ${file} (${reason}).`);
  }
}
