import { isIP } from 'node:net';
import { availableParallelism, homedir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { API_VERSIONS, type ApiVersion, SyncError } from '../core/index.ts';
import { parseRoles, ROLES, type Role } from './roles.ts';

/** Everything that can be set from outside, checked once. Times, sizes and tuning are not settings. */
export interface Config {
  /** `DATABASE_URL`: PostgreSQL for our metadata; absent means the embedded one. Holds a password. */
  readonly databaseUrl?: string;
  /** `MILLRACE_ROLE`: what this process does; all of it with an embedded database. */
  readonly roles: ReadonlySet<Role>;
  /** `MILLRACE_LANES`: steps of executions that this process works on at once. */
  readonly lanes: number;
  /** `MILLRACE_MEMORY_CREDIT`, in MiB there: what all pipelines of this process may hold together, beside a few chunks each. */
  readonly memoryCreditBytes: number;
  /** `MILLRACE_HOME`: absolute path of the folder with keys, files and the embedded database. */
  readonly home: string;
  /** `MILLRACE_HOST`: address to listen on. */
  readonly host: string;
  /** `MILLRACE_PORT`: port to listen on; 0 lets the system choose one. */
  readonly port: number;
  /** `MILLRACE_URL`: where clients reach the server, no slash at its end; absent means host and port. */
  readonly url?: string;
  /** `MILLRACE_API_KEY`: key of the command line; absent means the one in the home's `cli.json`. */
  readonly apiKey?: string;
  /** `MILLRACE_ENCRYPTION_KEY`: 32 bytes; absent means `master.key` in the home. */
  readonly encryptionKey?: Uint8Array;
  /** The key that `keys rotate-master` puts in its place; of no other use. */
  readonly newEncryptionKey?: Uint8Array;
  /** `MILLRACE_FILES`: absolute path of the folder below which connections may name files. */
  readonly filesRoot: string;
  /** `MILLRACE_DENY_PRIVATE`: refuse connections to loopback and private addresses. */
  readonly denyPrivate: boolean;
  /** `MILLRACE_API_VERSION`: version of requests that name none. */
  readonly apiVersion: ApiVersion;
  /** `MILLRACE_RATE_LIMIT`: requests of one caller in one minute; 0 = any number. */
  readonly rateLimit: number;
  /** `MILLRACE_CORS_ORIGINS`: origins of web pages that may call the API; none = no page may. */
  readonly corsOrigins: readonly string[];
  /** `MILLRACE_TRUSTED_PROXIES`: addresses and networks whose `X-Forwarded-For` says who asks; none = nobody's does. */
  readonly trustedProxies: readonly string[];
  /** `MILLRACE_COLUMN_PREFIX`: begins the names of the columns that we add to destination records. */
  readonly columnPrefix: string;
  /** `MILLRACE_RETENTION_DAYS` and `MILLRACE_RETENTION_EXECUTIONS`: what is kept of the history; null = everything. */
  readonly retention: { readonly days: number; readonly executions: number } | null;
  /** `MILLRACE_SMTP_URL` and `MILLRACE_MAIL_FROM`: how e-mails leave; absent = none do. The URL may hold a password. */
  readonly mail?: { readonly url: string; readonly from: string };
  /** `MILLRACE_METRICS_TOKEN`: opens `/metrics`; absent means that only this machine may look. Secret. */
  readonly metricsToken?: string;
  /** `MILLRACE_METRICS_PER_SYNC`: with a time series for each sync. */
  readonly metricsPerSync: boolean;
  /** `MILLRACE_LOG_LEVEL`: least level that is logged. */
  readonly logLevel: LogLevel;
  /** `MILLRACE_FAILPOINTS`: where a test makes us fail, in the engine's notation; empty otherwise. For tests only. */
  readonly failpoints: string;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** What options of the command line may replace; each stands for its variable. */
export interface ConfigOverrides {
  readonly home?: string;
  readonly host?: string;
  readonly port?: string;
  readonly url?: string;
  readonly role?: readonly string[];
}

/** Variables of the environment by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables of this process, for what a user writes as `${NAME}` and for the terminal's own conventions. */
export function readEnvironment(): Environment {
  return process.env;
}

const DEFAULT_PORT = 8420;
const MAX_PREFIX_LENGTH = 40;
/** 300 a second: programs that watch many syncs stay below; a loop that went wild does not. */
const DEFAULT_RATE_LIMIT = 18_000;
const MAX_LANES = 256;
const MIB = 1024 * 1024;

/**
 * Reads and checks the settings. An empty variable counts as absent.
 * @throws `CONFIG_INVALID`, one sentence naming the variable, never its value where that is a secret
 */
export function readConfig(env: Environment = process.env, overrides: ConfigOverrides = {}): Config {
  const read = (name: string, override?: string) => override ?? (env[name]?.trim() || undefined);
  const home = readFolder(read('MILLRACE_HOME', overrides.home) ?? join(homedir(), '.millrace'));
  const databaseUrl = readDatabaseUrl(read('DATABASE_URL'));
  return {
    ...optional('databaseUrl', databaseUrl),
    roles: readRoles(overrides.role ?? [read('MILLRACE_ROLE') ?? ''], databaseUrl !== undefined),
    lanes: readLanes(read('MILLRACE_LANES')),
    memoryCreditBytes: readMemoryCredit(read('MILLRACE_MEMORY_CREDIT')),
    home,
    host: readHost(read('MILLRACE_HOST', overrides.host) ?? '127.0.0.1'),
    port: readPort(read('MILLRACE_PORT', overrides.port)),
    ...optional('url', readUrl(read('MILLRACE_URL', overrides.url))),
    ...optional('apiKey', read('MILLRACE_API_KEY')),
    ...optional('encryptionKey', readEncryptionKey('MILLRACE_ENCRYPTION_KEY', read('MILLRACE_ENCRYPTION_KEY'))),
    ...optional(
      'newEncryptionKey',
      readEncryptionKey('MILLRACE_NEW_ENCRYPTION_KEY', read('MILLRACE_NEW_ENCRYPTION_KEY')),
    ),
    filesRoot: readFolder(read('MILLRACE_FILES') ?? join(home, 'files')),
    denyPrivate: readBoolean('MILLRACE_DENY_PRIVATE', read('MILLRACE_DENY_PRIVATE')),
    apiVersion: readApiVersion(read('MILLRACE_API_VERSION')),
    rateLimit: readNumber('MILLRACE_RATE_LIMIT', read('MILLRACE_RATE_LIMIT'), DEFAULT_RATE_LIMIT, 9_999_999),
    corsOrigins: readOrigins(read('MILLRACE_CORS_ORIGINS')),
    trustedProxies: readNetworks(read('MILLRACE_TRUSTED_PROXIES')),
    columnPrefix: readColumnPrefix(read('MILLRACE_COLUMN_PREFIX') ?? '__millrace_'),
    retention: readRetention(read('MILLRACE_RETENTION_DAYS'), read('MILLRACE_RETENTION_EXECUTIONS')),
    ...optional('mail', readMail(read('MILLRACE_SMTP_URL'), read('MILLRACE_MAIL_FROM'))),
    ...optional('metricsToken', readMetricsToken(read('MILLRACE_METRICS_TOKEN'))),
    metricsPerSync: readBoolean('MILLRACE_METRICS_PER_SYNC', read('MILLRACE_METRICS_PER_SYNC')),
    logLevel: readLogLevel(read('MILLRACE_LOG_LEVEL')),
    failpoints: read('MILLRACE_FAILPOINTS') ?? '',
  };
}

/** Where a PostgreSQL URL leads, without user and password. */
export function toDatabaseAddress(databaseUrl: string): { host: string; port: number; database: string } {
  const url = new URL(databaseUrl);
  return { host: url.hostname, port: Number(url.port || 5432), database: decodeURIComponent(url.pathname.slice(1)) };
}

/** Base URL for clients on this machine: a server that listens everywhere is reached through loopback. */
export function localUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** True when only this machine reaches a server that listens on the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The type forbids a field that is there and undefined. */
function optional<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  // A computed name widens to string; it is exactly `name`.
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value });
}

function invalid(name: string, problem: string): SyncError {
  return new SyncError('CONFIG_INVALID', `${name} ${problem}`, { detail: { variable: name } });
}

/** No shell expands a tilde inside a variable that a service manager sets. */
function readFolder(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : resolve(path);
}

function readDatabaseUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && ['postgres:', 'postgresql:'].includes(url.protocol)) return text;
  throw invalid('DATABASE_URL', 'is not a PostgreSQL URL: write postgresql://user:password@host:5432/database.');
}

function readRoles(texts: readonly string[], isShared: boolean): ReadonlySet<Role> {
  const roles = parseRoles(texts);
  if (isShared || roles.size === ROLES.length) return roles;
  throw invalid(
    'MILLRACE_ROLE',
    `is "${[...roles].join(',')}", but the embedded database serves one process, which does everything. Set DATABASE_URL to a PostgreSQL that all processes reach, or leave the role out.`,
  );
}

/** A thread for each core does the work, and a lane waits for databases most of its time. */
function readLanes(text: string | undefined): number {
  if (text === undefined) return Math.max(8, availableParallelism());
  const lanes = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (lanes >= 1 && lanes <= MAX_LANES) return lanes;
  throw invalid('MILLRACE_LANES', `is "${text}": write a whole number from 1 to ${MAX_LANES}.`);
}

/** An eighth of what the machine or the container has; more than 256 MiB makes nothing faster that we have measured. */
function readMemoryCredit(text: string | undefined): number {
  if (text === undefined) {
    const allowed = process.constrainedMemory();
    const memory = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
    return Math.min(Math.max(Math.floor(memory / 8), 32 * MIB), 256 * MIB);
  }
  const mebibytes = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (mebibytes >= 1) return mebibytes * MIB;
  throw invalid('MILLRACE_MEMORY_CREDIT', `is "${text}": write a whole number of MiB, such as 128.`);
}

function readHost(text: string): string {
  if (/^[\w.:-]+$/.test(text)) return text;
  throw invalid('MILLRACE_HOST', `is "${text}", which is not an address or host name: write for example 127.0.0.1.`);
}

function readPort(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw invalid('MILLRACE_PORT', `is "${text}", which is not a port: write a number from 0 to 65535.`);
}

function readUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '')
    return text.replace(/\/+$/, '');
  throw invalid('MILLRACE_URL', 'is not an HTTP address: write for example https://millrace.example.com.');
}

function readEncryptionKey(name: string, text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  // Node skips what is not base64, so only a round trip proves that nothing was lost.
  if (isHex || (key.length === 32 && key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, ''))) return key;
  throw invalid(name, 'is not a key of 32 bytes in base64 or hex: make one with `openssl rand -base64 32`.');
}

function readBoolean(name: string, text: string | undefined): boolean {
  const value = text?.toLowerCase();
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1') return true;
  throw invalid(name, `is "${text}": write true or false.`);
}

function readRetention(days: string | undefined, executions: string | undefined): Config['retention'] {
  const kept = readCount('MILLRACE_RETENTION_DAYS', days, 90);
  const atLeast = Math.max(1, readCount('MILLRACE_RETENTION_EXECUTIONS', executions, 100));
  return kept === 0 ? null : { days: kept, executions: atLeast };
}

function readCount(name: string, text: string | undefined, absent: number): number {
  return readNumber(name, text, absent, 99_999);
}

function readNumber(name: string, text: string | undefined, absent: number, most: number): number {
  if (text === undefined) return absent;
  if (/^\d{1,9}$/.test(text) && Number(text) <= most) return Number(text);
  throw invalid(name, `is "${text}": write a whole number from 0 to ${most}.`);
}

function readOrigins(text: string | undefined): readonly string[] {
  const origins = (text ?? '').split(',').flatMap((part) => part.trim() || []);
  const wrong = origins.find((origin) => URL.parse(origin)?.origin !== origin);
  if (wrong === undefined) return origins;
  throw invalid(
    'MILLRACE_CORS_ORIGINS',
    `has "${wrong}", which is not an origin: write for example https://console.example.com, several separated by commas.`,
  );
}

function readNetworks(text: string | undefined): readonly string[] {
  const networks = (text ?? '').split(',').flatMap((part) => part.trim() || []);
  const wrong = networks.find((network) => !isNetwork(network));
  if (wrong === undefined) return networks;
  throw invalid(
    'MILLRACE_TRUSTED_PROXIES',
    `has "${wrong}", which is neither an address nor a network: write for example 127.0.0.1 or 10.0.0.0/8, several separated by commas.`,
  );
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128));
}

function readLogLevel(text: string | undefined): LogLevel {
  const level = LOG_LEVELS.find((known) => known === (text?.toLowerCase() ?? 'info'));
  if (level !== undefined) return level;
  throw invalid('MILLRACE_LOG_LEVEL', `is "${text}": write one of ${LOG_LEVELS.join(', ')}.`);
}

function readMail(server: string | undefined, from: string | undefined): Config['mail'] {
  if (server === undefined) return undefined;
  const url = URL.parse(server);
  if (url === null || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '')
    throw invalid('MILLRACE_SMTP_URL', 'is not a mail server: write smtp://user:password@host:587 or smtps://….');
  if (from === undefined || !/^[^\r\n]*[^\s@<]+@[^\s@>]+>?$/.test(from))
    throw invalid('MILLRACE_MAIL_FROM', 'must be an address such as Millrace <millrace@example.com>.');
  return { url: server, from };
}

/** It travels in a header. */
function readMetricsToken(text: string | undefined): string | undefined {
  if (text === undefined || /^[\x21-\x7e]{16,}$/.test(text)) return text;
  throw invalid(
    'MILLRACE_METRICS_TOKEN',
    'is too short, or holds what a header cannot: make one with `openssl rand -hex 32`.',
  );
}

function readApiVersion(text: string | undefined): ApiVersion {
  if (text === undefined) return API_VERSIONS[0];
  const version = API_VERSIONS.find((known) => known === text);
  if (version !== undefined) return version;
  throw invalid('MILLRACE_API_VERSION', `is "${text}": write one of ${API_VERSIONS.join(', ')}.`);
}

/** Every destination must take the names as they are, so: letters, digits and underscores, short. */
function readColumnPrefix(text: string): string {
  if (/^[a-z_][a-z0-9_]*$/i.test(text) && text.length <= MAX_PREFIX_LENGTH) return text;
  throw invalid(
    'MILLRACE_COLUMN_PREFIX',
    `is "${text}": write at most ${MAX_PREFIX_LENGTH} letters, digits and underscores, not beginning with a digit.`,
  );
}
