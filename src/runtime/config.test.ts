import { availableParallelism, homedir } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLoopback, localUrl, readConfig } from './config.ts';

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toEqual({
      home: `${homedir()}/.millrace`,
      host: '127.0.0.1',
      port: 8420,
      filesRoot: `${homedir()}/.millrace/files`,
      denyPrivate: false,
      apiVersion: '2025-09-18',
      rateLimit: 18_000,
      corsOrigins: [],
      trustedProxies: [],
      columnPrefix: '__millrace_',
      retention: { days: 90, executions: 100 },
      roles: new Set(['api', 'worker', 'scheduler']),
      lanes: Math.max(8, availableParallelism()),
      memoryCreditBytes: expect.any(Number),
      metricsPerSync: false,
      logLevel: 'info',
      failpoints: '',
    });
  });

  it('reads every variable', () => {
    const config = readConfig({
      DATABASE_URL: 'postgresql://me:secret@db.example:5433/meta',
      MILLRACE_HOME: '/srv/millrace',
      MILLRACE_HOST: '0.0.0.0',
      MILLRACE_PORT: '0',
      MILLRACE_URL: 'https://millrace.example.com/',
      MILLRACE_API_KEY: 'k',
      MILLRACE_ENCRYPTION_KEY: 'ab'.repeat(32),
      MILLRACE_FILES: '/srv/files',
      MILLRACE_DENY_PRIVATE: 'true',
      MILLRACE_API_VERSION: '2024-02-08',
      MILLRACE_RATE_LIMIT: '600',
      MILLRACE_CORS_ORIGINS: 'https://a.example.com, http://localhost:3000',
      MILLRACE_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8,fd00::/8',
      MILLRACE_COLUMN_PREFIX: '__polytomic_',
      MILLRACE_RETENTION_DAYS: '30',
      MILLRACE_RETENTION_EXECUTIONS: '7',
      MILLRACE_ROLE: 'api,scheduler',
      MILLRACE_LANES: '3',
      MILLRACE_MEMORY_CREDIT: '48',
      MILLRACE_METRICS_TOKEN: 'a-token-of-more-than-sixteen',
      MILLRACE_METRICS_PER_SYNC: 'true',
      MILLRACE_LOG_LEVEL: 'debug',
      MILLRACE_FAILPOINTS: 'after-publish=fail',
    });
    expect(config).toEqual({
      databaseUrl: 'postgresql://me:secret@db.example:5433/meta',
      home: '/srv/millrace',
      host: '0.0.0.0',
      port: 0,
      url: 'https://millrace.example.com',
      apiKey: 'k',
      encryptionKey: Buffer.alloc(32, 0xab),
      filesRoot: '/srv/files',
      denyPrivate: true,
      apiVersion: '2024-02-08',
      rateLimit: 600,
      corsOrigins: ['https://a.example.com', 'http://localhost:3000'],
      trustedProxies: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'],
      columnPrefix: '__polytomic_',
      retention: { days: 30, executions: 7 },
      roles: new Set(['api', 'scheduler']),
      lanes: 3,
      memoryCreditBytes: 48 * 1024 * 1024,
      metricsToken: 'a-token-of-more-than-sixteen',
      metricsPerSync: true,
      logLevel: 'debug',
      failpoints: 'after-publish=fail',
    });
  });

  it('reads how e-mails leave, and refuses half of it, never telling the password', () => {
    const server = 'smtps://user:s3cret@mail.example.com:465';
    const from = 'Millrace <millrace@example.com>';
    expect(readConfig({ MILLRACE_SMTP_URL: server, MILLRACE_MAIL_FROM: from }).mail).toEqual({ url: server, from });
    expect(readConfig({ MILLRACE_MAIL_FROM: from }).mail).toBeUndefined();
    for (const env of [
      { MILLRACE_SMTP_URL: server },
      { MILLRACE_SMTP_URL: server, MILLRACE_MAIL_FROM: 'nobody' },
      { MILLRACE_SMTP_URL: server, MILLRACE_MAIL_FROM: 'a@example.com\r\nBcc: b@example.com' },
      { MILLRACE_SMTP_URL: 'https://user:s3cret@mail.example.com', MILLRACE_MAIL_FROM: from },
    ]) {
      expect(() => readConfig(env)).toThrow(/^MILLRACE_(SMTP_URL|MAIL_FROM) (?!.*s3cret)/);
    }
  });

  it('removes nothing of the history when it is told to keep it for 0 days', () => {
    expect(readConfig({ MILLRACE_RETENTION_DAYS: '0' }).retention).toBeNull();
  });

  it('counts an empty variable as absent', () => {
    expect(readConfig({ MILLRACE_PORT: '', DATABASE_URL: '  ', MILLRACE_HOME: '' })).toEqual(readConfig({}));
  });

  it('lets an override win over its variable', () => {
    expect(readConfig({ MILLRACE_PORT: '1', MILLRACE_HOME: '/a' }, { port: '2', home: '/b' })).toMatchObject({
      port: 2,
      home: '/b',
      filesRoot: '/b/files',
    });
  });

  it('makes folders absolute, also those under ~', () => {
    expect(readConfig({ MILLRACE_HOME: '.millrace', MILLRACE_FILES: '~/exports' })).toMatchObject({
      home: resolve('.millrace'),
      filesRoot: `${homedir()}/exports`,
    });
  });

  it('reads roles from words with commas and from several options; none, or all, is everything', () => {
    const shared = { DATABASE_URL: 'postgresql://localhost/x' };
    const rolesOf = (env: Record<string, string>, role?: string[]) =>
      [...readConfig({ ...shared, ...env }, role === undefined ? {} : { role }).roles].toSorted();
    expect(rolesOf({})).toEqual(['api', 'scheduler', 'worker']);
    expect(rolesOf({ MILLRACE_ROLE: 'api, scheduler' })).toEqual(['api', 'scheduler']);
    expect(rolesOf({ MILLRACE_ROLE: 'api' }, ['worker', 'scheduler'])).toEqual(['scheduler', 'worker']);
    expect(rolesOf({}, ['worker,all'])).toEqual(['api', 'scheduler', 'worker']);
  });

  it('refuses single roles with the embedded database, which serves one process', () => {
    expect(readConfig({ MILLRACE_ROLE: 'all' }).roles.size).toBe(3);
    expect(() => readConfig({ MILLRACE_ROLE: 'worker' })).toThrow(/DATABASE_URL/);
    expect(() => readConfig({}, { role: ['api'] })).toThrow(/DATABASE_URL/);
  });

  it('takes the encryption key in base64 too', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7));
    expect(readConfig({ MILLRACE_ENCRYPTION_KEY: key.toString('base64') }).encryptionKey).toEqual(key);
  });

  it.each([
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['DATABASE_URL', 'localhost:5432'],
    ['MILLRACE_HOST', 'http://localhost'],
    ['MILLRACE_PORT', '65536'],
    ['MILLRACE_PORT', '80a'],
    ['MILLRACE_PORT', '-1'],
    ['MILLRACE_URL', 'millrace.example.com'],
    ['MILLRACE_URL', 'ftp://millrace.example.com'],
    ['MILLRACE_ENCRYPTION_KEY', 'correct horse battery staple'],
    ['MILLRACE_ENCRYPTION_KEY', 'ab'.repeat(31)],
    ['MILLRACE_DENY_PRIVATE', 'yes please'],
    ['MILLRACE_METRICS_TOKEN', 'too short'],
    ['MILLRACE_METRICS_TOKEN', 'long enough, but with blanks'],
    ['MILLRACE_METRICS_PER_SYNC', 'some'],
    ['MILLRACE_LOG_LEVEL', 'loud'],
    ['MILLRACE_API_VERSION', '2022-01-01'],
    ['MILLRACE_ROLE', 'boss'],
    ['MILLRACE_LANES', '0'],
    ['MILLRACE_LANES', '257'],
    ['MILLRACE_LANES', 'many'],
    ['MILLRACE_COLUMN_PREFIX', 'a-b'],
    ['MILLRACE_COLUMN_PREFIX', '1a'],
    ['MILLRACE_COLUMN_PREFIX', 'a'.repeat(41)],
  ])('refuses %s=%s, naming the variable', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
    );
  });

  it('keeps secrets out of its messages', () => {
    expect(() => readConfig({ DATABASE_URL: 'mysql://me:hush@localhost/x' })).not.toThrow(/hush/);
    expect(() => readConfig({ MILLRACE_ENCRYPTION_KEY: 'hush' })).not.toThrow(/hush/);
  });
});

describe('isLoopback', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
    ['127.0.0.1.example.com', false],
    ['millrace.example.com', false],
  ])('of %s is %s', (host, isPrivate) => {
    expect(isLoopback(host)).toBe(isPrivate);
  });
});

describe('localUrl', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:8420'],
    ['0.0.0.0', 'http://127.0.0.1:8420'],
    ['::', 'http://127.0.0.1:8420'],
    ['::1', 'http://[::1]:8420'],
    ['db.example', 'http://db.example:8420'],
  ])('reaches a server that listens on %s at %s', (host, url) => {
    expect(localUrl(host, 8420)).toBe(url);
  });
});
