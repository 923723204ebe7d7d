import { type ErrorCode, SyncError } from '../../core/index.ts';

/** Why a host does not open a forwarded connection (RFC 4254, 5.1). */
const PROHIBITED = 1;
const CONNECT_FAILED = 2;

interface Meaning {
  readonly code: ErrorCode;
  readonly advice: string;
}

/** What the SSH client reports with its `level`. */
const LEVELS: Readonly<Record<string, Meaning>> = {
  'client-authentication': {
    code: 'CONN_AUTH_REFUSED',
    advice: 'Correct ssh_user and ssh_private_key, or add the public key to authorized_keys of that user.',
  },
  'client-timeout': {
    code: 'CONN_UNREACHABLE',
    advice: 'Check ssh_host and ssh_port, and that the network lets us through.',
  },
  handshake: { code: 'CONN_SSH_FAILED', advice: 'The two sides found no common algorithms; update the SSH server.' },
  protocol: { code: 'CONN_SSH_FAILED', advice: 'Check that ssh_port is the port of an SSH server.' },
};

const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

/** What the SSH client threw, as the one error class. `target` is set when the host was asked to connect there. */
export function toSshError(error: Error, name: string, target?: string): SyncError {
  const { code, advice } = target === undefined ? toMeaning(error) : toForwardMeaning(error);
  const action =
    target === undefined ? `Connecting to the SSH host ${name}` : `Reaching ${target} from SSH host ${name}`;
  return new SyncError(code, `${action} failed: ${error.message.replace(/\.$/, '')}. ${advice}`, { cause: error });
}

/** The host is not the one that was meant, or nobody said which one that is. */
export function refuseHostKey(name: string, shown: string, isKnown: boolean): SyncError {
  const sentence = isKnown
    ? `The SSH host ${name} shows the key ${shown}, which is none of those in ssh_host_key. Somebody may be in between; if the host has a new key, put it there.`
    : `The SSH host ${name} shows the key ${shown}. Without TLS (ssl: false) it must be known: compare it with the host's own (ssh-keygen -lf) and put it into ssh_host_key.`;
  return new SyncError('CONN_SSH_HOST_KEY', sentence, { detail: { shown } });
}

function toMeaning(error: Error): Meaning {
  // A busy server hangs up on newcomers (MaxStartups), and so does one that speaks another protocol.
  if (/before handshake/.test(error.message))
    return {
      code: 'CONN_LOST',
      advice: 'It is tried again by itself. Check that ssh_port is the port of an SSH server.',
    };
  const level = 'level' in error ? String(error.level) : '';
  const code = 'code' in error ? String(error.code) : '';
  if (UNREACHABLE.has(code))
    return { code: 'CONN_UNREACHABLE', advice: 'Check ssh_host and ssh_port, and that the network lets us through.' };
  return LEVELS[level] ?? { code: 'CONN_LOST', advice: 'It is tried again by itself.' };
}

function toForwardMeaning(error: Error): Meaning {
  const reason = 'reason' in error ? Number(error.reason) : 0;
  if (reason === PROHIBITED)
    return {
      code: 'CONN_SSH_FAILED',
      advice: 'Allow this user to forward connections (AllowTcpForwarding, PermitOpen).',
    };
  if (reason === CONNECT_FAILED)
    return { code: 'CONN_UNREACHABLE', advice: 'Check hostname and port as that host sees them.' };
  return { code: 'CONN_LOST', advice: 'It is tried again by itself.' };
}
