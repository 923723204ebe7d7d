import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { SyncError } from '../../core/index.ts';

export interface AddressCheckOptions {
  /** Refuse loopback, private and carrier-grade ranges, too. */
  readonly denyPrivate: boolean;
  /** Every address of a host name, by the system's resolver unless a test brings its own. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
}

/**
 * Makes the one check that all outbound connections pass. What it returns resolves a host once and answers the address
 * to connect to, so that a name cannot point elsewhere between check and connection.
 * @throws `CONN_UNREACHABLE` when the name does not resolve; `CONN_ADDRESS_REFUSED` when none of its addresses may be opened
 */
export function createAddressCheck(options: AddressCheckOptions): (host: string) => Promise<string> {
  const lookup = options.lookup ?? lookupAll;
  return async (host) => {
    const addresses = await resolve(host.replace(/^\[(.*)\]$/, '$1'), lookup);
    const allowed = addresses.find((address) => !isRefused(address, options.denyPrivate));
    if (allowed !== undefined) return allowed;
    throw new SyncError('CONN_ADDRESS_REFUSED', refusal(host, addresses, options.denyPrivate));
  };
}

/**
 * For a host that another machine resolves: an address written out is refused when it is one that is never opened. What
 * lies behind that machine is its own network, so private addresses are its owner's business.
 * @throws `CONN_ADDRESS_REFUSED`
 */
export function refuseForbiddenLiteral(host: string): void {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  const isLiteral = isIPv4(address) || isIPv6(address);
  if (isLiteral && isRefused(address, false))
    throw new SyncError('CONN_ADDRESS_REFUSED', refusal(host, [address], false));
}

/** IPv4 first: many servers listen on 127.0.0.1 only, and `localhost` has both. */
async function lookupAll(host: string): Promise<readonly string[]> {
  const found = await systemLookup(host, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
}

async function resolve(host: string, lookup: (host: string) => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await lookup(host);
  } catch (error) {
    throw new SyncError(
      'CONN_UNREACHABLE',
      `The host name "${host}" could not be resolved. Correct the host of the connection.`,
      { cause: error, detail: { host } },
    );
  }
}

function refusal(host: string, addresses: readonly string[], denyPrivate: boolean): string {
  const isPrivateOnly = denyPrivate && addresses.some((address) => !isRefused(address, false));
  const reason = isPrivateOnly
    ? 'which is private; this deployment allows public addresses only (MILLRACE_DENY_PRIVATE)'
    : 'which is never opened (link-local, cloud metadata, unspecified or multicast)';
  return `The host "${host}" leads to ${addresses.join(', ') || 'no address'}, ${reason}. Use another address.`;
}

/** Link-local ranges, cloud metadata services, and what is no host at all. */
const NEVER = blockList([
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32], // Alibaba Cloud metadata
  ['168.63.129.16', 32], // Azure's platform address
  ['192.0.0.192', 32], // Oracle Cloud metadata, older
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['2001::', 32], // Teredo, which hides an IPv4 address
  ['fe80::', 10],
  ['fd00:ec2::254', 128], // AWS metadata
  ['fd20:ce::254', 128], // Google Cloud metadata
  ['ff00::', 8],
]);

const PRIVATE = blockList([
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['192.0.0.0', 24],
  ['198.18.0.0', 15],
  ['::1', 128],
  ['fc00::', 7],
  ['fec0::', 10],
  ['64:ff9b:1::', 48], // NAT64 of a network of its own
]);

function blockList(ranges: readonly (readonly [address: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');
  return list;
}

function isRefused(address: string, denyPrivate: boolean): boolean {
  const bare = address.split('%')[0] ?? address; // without the zone of a link-local address
  const plain = embeddedIPv4(bare) ?? bare;
  if (!isIPv4(plain) && !isIPv6(plain)) return true;
  const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
  return NEVER.check(plain, family) || (denyPrivate && PRIVATE.check(plain, family));
}

/** Prefixes whose addresses carry an IPv4 address that the network may hand the packets to. */
const CARRIERS = [
  { prefix: '::', length: 96, group: 6 }, // IPv4-compatible
  { prefix: '::ffff:0:0', length: 96, group: 6 }, // IPv4-mapped
  { prefix: '::ffff:0:0:0', length: 96, group: 6 }, // IPv4-translated
  { prefix: '64:ff9b::', length: 96, group: 6 }, // NAT64
  { prefix: '2002::', length: 16, group: 1 }, // 6to4
].map(({ prefix, length, group }) => ({
  list: blockList([[prefix, length]]),
  group,
  isCompatible: prefix === '::',
}));

function embeddedIPv4(address: string): string | undefined {
  if (!isIPv6(address)) return undefined;
  const carrier = CARRIERS.find(({ list }) => list.check(address, 'ipv6'));
  if (carrier === undefined) return undefined;
  const groups = expand(address);
  const [high = 0, low = 0] = groups.slice(carrier.group, carrier.group + 2);
  // Loopback and the unspecified address lie in the range of IPv4-compatible ones.
  if (carrier.isCompatible && high === 0) return undefined;
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight 16-bit groups of an IPv6 address. */
function expand(address: string): number[] {
  // The URL parser normalises dotted tails (::ffff:1.2.3.4) to hexadecimal groups.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  if (tail === undefined) return parse(head);
  const [left, right] = [parse(head), parse(tail)];
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}
