import { describe, expect, it } from 'vitest';
import { createAddressCheck } from './address-check.ts';

const open = createAddressCheck({ denyPrivate: false });
const strict = createAddressCheck({ denyPrivate: true });
const resolving = (...addresses: string[]) => ({ lookup: async () => addresses });

describe('createAddressCheck', () => {
  it.each([
    '169.254.169.254',
    '169.254.0.1',
    'fe80::1',
    'fd00:ec2::254',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '255.255.255.255',
    '[fe80::1]',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '2001:0:a9fe:a9fe::1',
  ])('never opens %s', async (host) => {
    await expect(open(host)).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '::1',
    'fd12::1',
    '::ffff:127.0.0.1',
  ])('opens %s unless private addresses are denied', async (host) => {
    expect(await open(host)).toBe(host);
    await expect(strict(host)).rejects.toMatchObject({
      code: 'CONN_ADDRESS_REFUSED',
      message: expect.stringContaining('MILLRACE_DENY_PRIVATE'),
    });
  });

  it.each(['93.184.216.34', '172.32.0.1', '2606:4700::1', '::ffff:8.8.8.8'])('opens the public %s', async (host) => {
    expect(await strict(host)).toBe(host);
  });

  it.each(['2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.16689662', '169.254.43518'])(
    'never opens the metadata address written as %s',
    async (host) => {
      await expect(open(host)).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
    },
  );

  it.each(['2130706433', '0x7f000001', '0177.0.0.1', '127.1'])(
    'knows loopback written as %s when private addresses are denied',
    async (host) => {
      await expect(strict(host)).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
    },
  );

  it('opens localhost by its IPv4 address', async () => {
    expect(await open('localhost')).toBe('127.0.0.1');
  });

  it('answers the address that was checked, skipping refused ones', async () => {
    const check = createAddressCheck({ denyPrivate: true, ...resolving('10.0.0.1', '93.184.216.34') });
    expect(await check('mixed.example')).toBe('93.184.216.34');
  });

  it('refuses a link-local address with its zone', async () => {
    const check = createAddressCheck({ denyPrivate: false, ...resolving('fe80::1%eth0') });
    await expect(check('fe80::1%eth0')).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it('refuses a name that leads to the metadata service', async () => {
    const check = createAddressCheck({ denyPrivate: false, ...resolving('169.254.169.254') });
    await expect(check('metadata.google.internal')).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it('says which host name does not resolve', async () => {
    const check = createAddressCheck({
      denyPrivate: false,
      lookup: async () => {
        throw new Error('ENOTFOUND');
      },
    });
    await expect(check('db.nowhere')).rejects.toMatchObject({
      code: 'CONN_UNREACHABLE',
      message: expect.stringContaining('db.nowhere'),
    });
  });
});
