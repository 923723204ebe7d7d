import { z } from 'zod';

/** An option that the public API has and that has no effect yet: only its neutral value is taken. */
function notYet<Value extends z.ZodType>(value: Value, name: string): z.ZodOptional<Value> {
  return value.describe(`${name} (not available yet)`).optional();
}

const OFF = 'is not available yet; leave it out';

/** What a user gives for a PostgreSQL connection. Names are the public API's own. */
export const postgresqlConfig = z.strictObject({
  hostname: z.string().min(1).describe('Host name or IP address'),
  username: z.string().min(1).describe('Name of the database user'),
  password: z.string().describe('Password of the database user'),
  database: z.string().min(1).describe('Name of the database'),
  port: z.int().min(1).max(65535).default(5432).describe('Port'),
  ssl: z.boolean().default(true).describe('Encrypt, and verify the server’s certificate and name'),
  ca_cert: z.string().optional().describe('PEM certificate of the authority that signed the server’s certificate'),
  ssh: notYet(z.literal(false, { error: `ssh ${OFF}` }), 'SSH tunnel'),
  ssh_user: notYet(z.literal(['', 'root'], { error: `ssh_user ${OFF}` }), 'SSH user'),
  ssh_host: notYet(z.literal('', { error: `ssh_host ${OFF}` }), 'SSH host'),
  ssh_port: notYet(z.literal(22, { error: `ssh_port ${OFF}` }), 'SSH port'),
  ssh_private_key: notYet(z.literal('', { error: `ssh_private_key ${OFF}` }), 'SSH private key'),
  client_certs: notYet(z.literal(false, { error: `client_certs ${OFF}` }), 'Client certificate authentication'),
  client_certificate: notYet(z.literal('', { error: `client_certificate ${OFF}` }), 'Client certificate'),
  client_key: notYet(z.literal('', { error: `client_key ${OFF}` }), 'Client key'),
  change_detection: notYet(z.literal(false, { error: `change_detection ${OFF}` }), 'Change data capture'),
  publication: notYet(z.literal('', { error: `publication ${OFF}` }), 'Publication'),
});

export type PostgresqlConfig = z.infer<typeof postgresqlConfig>;

/** Keys that are sealed at rest and never returned. */
export const POSTGRESQL_SECRETS = [
  'password',
  'ssh_private_key',
  'client_certificate',
  'client_key',
  'ca_cert',
] as const;
