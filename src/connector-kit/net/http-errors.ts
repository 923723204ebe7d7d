import { SyncError } from '../../core/index.ts';

const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL']);

/** What the HTTP client threw, as the one error class. Names the host only: paths and queries may hold keys. */
export function toHttpError(thrown: unknown, url: URL): Error {
  if (thrown instanceof SyncError) return thrown;
  if (!(thrown instanceof Error)) return new SyncError('INTERNAL', String(thrown));
  const code = 'code' in thrown ? String(thrown.code) : '';
  if (thrown.name === 'AbortError' || thrown.name === 'TimeoutError') return thrown;
  const report = (kind: 'CONN_UNREACHABLE' | 'CONN_TLS_FAILED' | 'CONN_LOST' | 'HTTP_URL_REFUSED', advice: string) =>
    new SyncError(kind, `Asking ${url.host} failed: ${thrown.message.replace(/\.$/, '')}. ${advice}`, {
      cause: thrown,
    });
  if (UNREACHABLE.has(code))
    return report('CONN_UNREACHABLE', 'Check host and port, and that the network lets us through.');
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_UNESCAPED_CHARACTERS' || code === 'ERR_INVALID_HTTP_TOKEN')
    return report('HTTP_URL_REFUSED', 'Correct the method, the path or the header.');
  if (isTlsFailure(code))
    return report('CONN_TLS_FAILED', 'Check that it speaks TLS and that its certificate is valid.');
  return report('CONN_LOST', 'Check that an HTTP server answers there.');
}

function isTlsFailure(code: string): boolean {
  return /CERT|SIGNED|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO/.test(code);
}
