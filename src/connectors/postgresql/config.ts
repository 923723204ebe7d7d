import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { findFingerprints } from '../../connector-kit/net/index.ts';

/** An option that the public API has and that has no effect yet: only its neutral value is taken. */
function notYet<Value extends z.ZodType>(value: Value, name: string): z.ZodOptional<Value> {
  return value.describe(`${name} (not available yet)`).optional();
}

const OFF = 'is not available yet; leave it out';

const settings = z.strictObject({
  hostname: z.string().min(1).max(255).describe('Host name or IP address'),
  username: z.string().min(1).max(1_000).describe('Name of the database user'),
  password: z.string().describe('Password of the database user'),
  database: z.string().min(1).max(1_000).describe('Name of the database'),
  port: z.int().min(1).max(65535).default(5432).describe('Port'),
  ssl: z.boolean().default(true).describe('Encrypt, and verify the server’s certificate and name'),
  ca_cert: z.string().optional().describe('PEM certificate of the authority that signed the server’s certificate'),
  ssh: z.boolean().optional().describe('Connect through an SSH host'),
  ssh_user: z.string().optional().describe('SSH user, root if none is given'),
  ssh_host: z.string().optional().describe('SSH host'),
  ssh_port: z.int().min(1).max(65535).optional().describe('SSH port, 22 if none is given'),
  ssh_private_key: z.string().optional().describe('SSH private key, without a passphrase'),
  ssh_host_key: z.string().optional().describe('Fingerprints (SHA256:…) or public keys of the SSH host'),
  client_certs: z.boolean().optional().describe('Present a client certificate'),
  client_certificate: z.string().optional().describe('Client certificate, PEM'),
  client_key: z.string().optional().describe('Private key of the client certificate, PEM'),
  change_detection: notYet(z.literal(false, { error: `change_detection ${OFF}` }), 'Change data capture'),
  publication: notYet(z.literal('', { error: `publication ${OFF}` }), 'Publication'),
});

export type PostgresqlConfig = z.infer<typeof settings>;

/** What a user gives for a PostgreSQL connection. Names are the public API's own, but for `ssh_host_key`. */
export const postgresqlConfig = settings.superRefine((config, context) => {
  for (const [name, complaint] of findMisfits(config)) {
    context.addIssue({ code: 'custom', path: [name], message: `${name} ${complaint}` });
  }
});

/** Keys that are sealed at rest and never returned. */
export const POSTGRESQL_SECRETS = [
  'password',
  'ssh_private_key',
  'client_certificate',
  'client_key',
  'ca_cert',
] as const;

type Misfit = readonly [name: keyof PostgresqlConfig, complaint: string];

function findMisfits(config: PostgresqlConfig): Misfit[] {
  return [...findSshMisfits(config), ...findCertificateMisfits(config), ...findAuthorityMisfits(config)];
}

function findSshMisfits(config: PostgresqlConfig): Misfit[] {
  if (config.ssh === undefined) return findUnswitched(config, 'ssh', ['ssh_host', 'ssh_private_key', 'ssh_host_key']);
  if (!config.ssh) return [];
  const misfits = findMissing(config, 'ssh', ['ssh_host', 'ssh_private_key']);
  if (isSet(config.ssh_host_key) && findFingerprints(config.ssh_host_key).length === 0)
    misfits.push(['ssh_host_key', 'names no key: give a fingerprint (SHA256:…) or a public key of the host']);
  return misfits;
}

function findCertificateMisfits(config: PostgresqlConfig): Misfit[] {
  const { client_certs: isOn, client_certificate: certificate, client_key: key } = config;
  if (isOn === undefined) return findUnswitched(config, 'client_certs', ['client_certificate', 'client_key']);
  if (!isOn) return [];
  if (!config.ssl) return [['client_certs', 'needs ssl: a certificate is presented in TLS only']];
  const missing = findMissing(config, 'client_certs', ['client_certificate', 'client_key']);
  if (!isSet(certificate) || !isSet(key)) return missing;
  return findPairMisfits(certificate, key);
}

function findPairMisfits(certificate: string, key: string): Misfit[] {
  const parsed = attempt(() => new X509Certificate(certificate));
  if (parsed === null) return [['client_certificate', 'is no certificate in PEM format']];
  const privateKey = attempt(() => createPrivateKey(key));
  if (privateKey === null)
    return [['client_key', 'is no private key in PEM format, or one with a passphrase; give it without']];
  if (!parsed.checkPrivateKey(privateKey)) return [['client_key', 'does not belong to client_certificate']];
  return [];
}

function findAuthorityMisfits({ ca_cert: authority }: PostgresqlConfig): Misfit[] {
  if (!isSet(authority) || attempt(() => new X509Certificate(authority)) !== null) return [];
  return [['ca_cert', 'is no certificate in PEM format']];
}

/** Values without their switch would be ignored, and the connection made another way than somebody thought. */
function findUnswitched(
  config: PostgresqlConfig,
  name: 'ssh' | 'client_certs',
  names: readonly (keyof PostgresqlConfig)[],
): Misfit[] {
  const [given] = names.filter((key) => isSet(config[key]));
  return given === undefined ? [] : [[name, `must be given with ${given}: true to use it, false to leave it unused`]];
}

function findMissing(config: PostgresqlConfig, cause: string, names: readonly (keyof PostgresqlConfig)[]): Misfit[] {
  return names.filter((name) => !isSet(config[name])).map((name) => [name, `is needed when ${cause} is true`]);
}

function isSet<Value>(value: Value | undefined): value is Value {
  return value !== undefined && value !== '';
}

function attempt<Value>(work: () => Value): Value | null {
  try {
    return work();
  } catch {
    return null;
  }
}
