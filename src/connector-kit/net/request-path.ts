/** Servers decode a path once; some do it again behind a proxy. */
const MAX_DECODINGS = 4;

/**
 * What is wrong with the path of a request that must not leave its base URL, such as `must not contain "//"`; null = nothing.
 * Encoded slashes inside a segment are left alone: some APIs have ids with slashes.
 */
export function findPathFault(path: string): string | null {
  if (!path.startsWith('/')) return 'must begin with one slash';
  if (path.includes('//')) return 'must not contain "//"';
  if (/[?#]/.test(path)) return 'must not contain "?" or "#"; the query has a field of its own';
  let text = path;
  for (let decodings = 0; decodings <= MAX_DECODINGS; decodings += 1) {
    const fault = findFaultOf(text);
    if (fault !== null) return fault;
    const decoded = decode(text);
    if (decoded === null) return decodings === 0 ? 'must be encoded as in a URL: "%" and two hexadecimal digits' : null;
    if (decoded === text) return null;
    text = decoded;
  }
  return 'is encoded several times';
}

function findFaultOf(text: string): string | null {
  if (text.includes('\\')) return 'must not contain a backslash';
  // Also what is not seen: a URL parser drops tabs and line breaks, and so makes another path.
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) return 'must not contain control characters';
  // What stands behind a semicolon some servers drop before they look at the segment.
  const isDots = text.split('/').some((segment) => /^\.{1,2}$/.test(segment.replace(/;.*$/, '').trim()));
  return isDots ? 'must not contain "." or ".." as a segment' : null;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/**
 * The address of a path below a base URL.
 * @param path one without a fault
 * @returns null when it would lie elsewhere after all
 */
export function toRequestUrl(baseUrl: string, path: string): URL | null {
  const base = new URL(baseUrl);
  const root = base.pathname.replace(/\/+$/, '');
  if (!URL.canParse(`${base.origin}${root}${path}`)) return null;
  const url = new URL(`${base.origin}${root}${path}`);
  return url.origin === base.origin && url.pathname.startsWith(`${root}/`) ? url : null;
}
