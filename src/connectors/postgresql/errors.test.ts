import { describe, expect, it } from 'vitest';
import { SyncError } from '../../core/index.ts';
import { toSyncError } from './errors.ts';

const scene = { action: 'Writing "public"."orders"', address: 'db.example:5432/shop', side: 'destination' } as const;

/** An error as the driver throws it: fields copied from real servers. */
function serverError(code: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { severity: 'ERROR', code, ...more });
}

describe('toSyncError', () => {
  it.each([
    ['28P01', 'password authentication failed for user "reader"', 'CONN_AUTH_REFUSED', 'configuration'],
    [
      '28000',
      'no pg_hba.conf entry for host "10.0.0.7", user "reader", database "shop", no encryption',
      'CONN_AUTH_REFUSED',
      'configuration',
    ],
    ['3D000', 'database "shop" does not exist', 'CONN_DATABASE_MISSING', 'configuration'],
    ['42501', 'permission denied for schema public', 'CONN_PRIVILEGE_MISSING', 'configuration'],
    ['25006', 'cannot execute INSERT in a read-only transaction', 'CONN_PRIVILEGE_MISSING', 'configuration'],
    ['53100', 'could not extend file "base/16384/16397": No space left on device', 'DISK_FULL', 'configuration'],
    ['42P01', 'relation "public.orders" does not exist', 'TABLE_DIFFERS', 'configuration'],
    ['55P03', 'canceling statement due to lock timeout', 'LOCK_TIMEOUT', 'transient'],
    ['57P01', 'terminating connection due to administrator command', 'CONN_LOST', 'transient'],
    ['57P02', 'terminating connection because of crash of another server process', 'CONN_LOST', 'transient'],
    ['57P03', 'the database system is starting up', 'CONN_LOST', 'transient'],
    ['08006', 'connection failure', 'CONN_LOST', 'transient'],
    ['53300', 'sorry, too many clients already', 'CONN_FULL', 'transient'],
    ['40P01', 'deadlock detected', 'CONN_LOST', 'transient'],
    ['72000', 'snapshot too old', 'SNAPSHOT_LOST', 'transient'],
    ['54011', 'tables can have at most 1600 columns', 'TABLE_TOO_WIDE', 'configuration'],
    ['0A000', 'cannot perform INSERT RETURNING on relation "orders"', 'TABLE_DIFFERS', 'configuration'],
    ['42601', 'syntax error at or near "SELEC"', 'INTERNAL', 'internal'],
  ])('calls %s (%s) %s', (code, message, expected, kind) => {
    const error = toSyncError(serverError(code, message), scene);
    expect(error).toMatchObject({ code: expected, kind, detail: { sqlState: code } });
    expect(error.message).toContain(`Writing "public"."orders" on db.example:5432/shop failed: ${message}`);
  });

  it('looks for a rule or a view where a table cannot be written', () => {
    const error = toSyncError(serverError('0A000', 'cannot perform INSERT RETURNING on relation "orders"'), scene);
    expect(error.message).toMatch(/such as a rule/);
  });

  it.each(['0A000', 'HV00L', '38000'])('does not take %s of a view in the source for a defect of ours', (code) => {
    const error = toSyncError(serverError(code, 'it cannot be read'), { ...scene, side: 'source' });
    expect(error).toMatchObject({ code: 'SOURCE_QUERY_FAILED', detail: { sqlState: code } });
  });

  it.each([
    ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432', 'CONN_UNREACHABLE'],
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND db.example', 'CONN_UNREACHABLE'],
    ['ETIMEDOUT', 'connect ETIMEDOUT 10.0.0.1:5432', 'CONN_UNREACHABLE'],
    ['', 'timeout expired', 'CONN_UNREACHABLE'],
    ['ECONNRESET', 'read ECONNRESET', 'CONN_LOST'],
    ['', 'Connection terminated unexpectedly', 'CONN_LOST'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain', 'CONN_TLS_FAILED'],
    ['CERT_HAS_EXPIRED', 'certificate has expired', 'CONN_TLS_FAILED'],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      "Hostname/IP does not match certificate's altnames: Host: db.example. is not in the cert's altnames",
      'CONN_TLS_FAILED',
    ],
    ['', 'The server does not support SSL connections', 'CONN_TLS_FAILED'],
    ['', 'SASL: SCRAM-SERVER-FIRST-MESSAGE: server nonce does not start with client nonce', 'CONN_AUTH_REFUSED'],
  ])('calls %s (%s) %s', (code, message, expected) => {
    expect(toSyncError(Object.assign(new Error(message), code === '' ? {} : { code }), scene).code).toBe(expected);
  });

  it.each([
    [
      '22P02',
      'invalid input syntax for type integer: "s3cret"',
      { where: 'COPY orders, line 4, column amount: "s3cret"' },
      'invalid text for this type (SQLSTATE 22P02), column amount',
    ],
    [
      '23502',
      'null value in column "id" violates not-null constraint',
      { column: 'id', detail: 'Failing row contains (null, s3cret).' },
      'NULL in a NOT NULL column (SQLSTATE 23502), column id',
    ],
    [
      '23505',
      'duplicate key value violates unique constraint "orders_pkey"',
      { constraint: 'orders_pkey', detail: 'Key (id)=(s3cret) already exists.' },
      'unique key violated (SQLSTATE 23505), constraint orders_pkey',
    ],
    ['54000', 'row is too big: size 8168, maximum size 8160', {}, 'row or key too large (SQLSTATE 54000)'],
    ['P0001', 'no s3cret here', {}, 'refused by a trigger (SQLSTATE P0001)'],
    ['22012', 'division by zero', {}, 'division by zero (SQLSTATE 22012)'],
    ['22ABC', 'no s3cret here', {}, 'a value that does not fit (SQLSTATE 22ABC)'],
  ])('tells of %s without the value', (code, message, more, reason) => {
    const error = toSyncError(serverError(code, message, more), scene);
    expect(error).toMatchObject({ code: 'RECORD_REFUSED', kind: 'data', detail: { reason } });
    expect(JSON.stringify([error.message, error.detail, error.cause ?? null])).not.toContain('s3cret');
  });

  it.each([
    ['53300', 'too many connections for role "reader"', /CONNECTION LIMIT/],
    ['25006', 'cannot execute CREATE SCHEMA in a read-only transaction', /write to the primary/],
    ['40001', 'canceling statement due to conflict with recovery', /hot_standby_feedback/],
    ['40001', 'terminating connection due to conflict with recovery', /hot_standby_feedback/],
  ])('says what to do about %s (%s)', (code, message, advice) => {
    expect(toSyncError(serverError(code, message), scene).message).toMatch(advice);
  });

  it.each([
    ['ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames", /a name that stands in it/],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain', /in ca_cert/],
    ['CERT_HAS_EXPIRED', 'certificate has expired', /Renew/],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'tlsv1 alert unknown ca', /client_certificate/],
    ['', 'The server does not support SSL connections', /set ssl to false/],
  ])('says what to do about %s (%s)', (code, message, advice) => {
    const error = toSyncError(Object.assign(new Error(message), code === '' ? {} : { code }), scene);
    expect(error).toMatchObject({ code: 'CONN_TLS_FAILED', message: expect.stringMatching(advice) });
  });

  it('blames the source for its own expressions', () => {
    const side = { ...scene, side: 'source' } as const;
    expect(toSyncError(serverError('22012', 'division by zero'), side).code).toBe('SOURCE_QUERY_FAILED');
    expect(toSyncError(serverError('42P01', 'relation "x" does not exist'), side).code).toBe('SOURCE_CHANGED');
  });

  it('leaves our own errors as they are', () => {
    const own = new SyncError('FENCE_LOST', 'taken over');
    expect(toSyncError(own, scene)).toBe(own);
  });
});
