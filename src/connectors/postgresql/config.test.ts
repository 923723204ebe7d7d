import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCertificate } from '../../../tests/setup/certificate.ts';
import { postgresqlConfig } from './config.ts';

const given = { hostname: 'db.example', username: 'u', password: 'p', database: 'd' };
const own = createCertificate('reader');
const other = createCertificate('other');
const fingerprint = `SHA256:${'a'.repeat(43)}`;

/** Name and message of every complaint. */
function complaints(changes: Readonly<Record<string, unknown>>): readonly string[] {
  return postgresqlConfig.safeParse({ ...given, ...changes }).error?.issues.map(({ message }) => message) ?? [];
}

describe('the settings of an SSH tunnel', () => {
  const tunnel = { ssh: true, ssh_host: 'bastion.example', ssh_private_key: 'KEY' };

  it.each([
    [tunnel],
    [{ ...tunnel, ssh_user: 'tunnel', ssh_port: 2222, ssh_host_key: fingerprint }],
    [{ ...tunnel, ssl: false, ssh_host_key: fingerprint }],
    [{ ...tunnel, ssh: false }],
    [{ ssh: false, ssh_user: 'root', ssh_host: '', ssh_port: 22, ssh_private_key: '' }],
    [{ ssh_user: 'root', ssh_host: '', ssh_port: 22, ssh_private_key: '' }],
  ])('take %j', (changes) => {
    expect(complaints(changes)).toEqual([]);
  });

  it.each([
    [{ ssh: true, ssh_private_key: 'KEY' }, 'ssh_host is needed when ssh is true'],
    [{ ssh: true, ssh_host: 'bastion' }, 'ssh_private_key is needed when ssh is true'],
    [{ ssh_host: 'bastion' }, 'ssh must be given with ssh_host: true to use it, false to leave it unused'],
    [
      { ...tunnel, ssh_host_key: 'ab:cd' },
      'ssh_host_key names no key: give a fingerprint (SHA256:…) or a public key of the host',
    ],
  ])('refuse %j', (changes, complaint) => {
    expect(complaints(changes)).toEqual([complaint]);
  });

  it('are checked for their types', () => {
    expect(complaints({ ...tunnel, ssh_port: 0 })).toHaveLength(1);
    expect(complaints({ ...tunnel, ssh: 'yes' })).toHaveLength(1);
  });
});

describe('the settings of certificates', () => {
  const pair = { client_certs: true, client_certificate: own.certificate, client_key: own.key };
  const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
    .toString();

  it.each([
    ['a pair', pair],
    ['a pair that is switched off', { ...pair, client_certs: false, client_key: 'x' }],
    ['an authority', { ca_cert: own.certificate }],
    ['empty values', { client_certs: false, client_certificate: '', client_key: '', ca_cert: '' }],
  ])('take %s', (_, changes) => {
    expect(complaints(changes)).toEqual([]);
  });

  it.each([
    ['a missing key', { ...pair, client_key: undefined }, 'client_key is needed when client_certs is true'],
    ['no TLS', { ...pair, ssl: false }, 'client_certs needs ssl: a certificate is presented in TLS only'],
    ['a text', { ...pair, client_certificate: 'x' }, 'client_certificate is no certificate in PEM format'],
    [
      'a key with a passphrase',
      { ...pair, client_key: encrypted },
      'client_key is no private key in PEM format, or one with a passphrase; give it without',
    ],
    ["another's key", { ...pair, client_key: other.key }, 'client_key does not belong to client_certificate'],
    ['an authority that is none', { ca_cert: own.key }, 'ca_cert is no certificate in PEM format'],
    [
      'a certificate without the switch',
      { client_certificate: own.certificate },
      'client_certs must be given with client_certificate: true to use it, false to leave it unused',
    ],
  ])('refuse %s', (_, changes, complaint) => {
    expect(complaints(changes)).toEqual([complaint]);
  });
});
