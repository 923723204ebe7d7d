import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { PostgresqlConfig } from '../config.ts';

/** Verified by default, null without TLS; a server name is sent only when it is a name (RFC 6066). */
export function toTlsOptions(config: PostgresqlConfig): ConnectionOptions | null {
  if (!config.ssl) return null;
  return {
    rejectUnauthorized: true,
    ...(isIP(config.hostname) === 0 ? { servername: config.hostname } : {}),
    ...(config.ca_cert ? { ca: config.ca_cert } : {}),
    ...(config.client_certs ? { cert: config.client_certificate, key: config.client_key } : {}),
  };
}
