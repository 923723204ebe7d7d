import type { HttpAccess } from '../../connector-kit/index.ts';
import { type GuardedClient, toRequestUrl } from '../../connector-kit/net/index.ts';
import { SyncError } from '../../core/index.ts';

const REFUSALS: ReadonlySet<number> = new Set([401, 403]);

/**
 * Asks the path of the health check. Its answer's body is not looked at.
 * @throws `CONN_AUTH_REFUSED`, `CONN_CHECK_FAILED`, and what {@link GuardedClient} says
 */
export async function askHealth(
  ask: GuardedClient,
  access: HttpAccess,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const url = toRequestUrl(access.baseUrl, path);
  if (url === null)
    throw new SyncError('CONFIG_INVALID', 'The path of the health check leaves the base URL. Correct it.');
  for (const { name, value } of access.query) url.searchParams.append(name, value);
  const headers = Object.fromEntries(access.headers.map(({ name, value }) => [name, value]));
  const sent = { 'user-agent': 'millrace', 'accept-encoding': 'identity', ...headers };
  const { status } = await ask({ method: 'GET', url, headers: sent, onLongBody: 'cut', signal });
  if (status >= 200 && status < 300) return;
  const said = `The health check of ${url.host} (GET ${path}) was answered with status ${status}.`;
  if (REFUSALS.has(status))
    throw new SyncError('CONN_AUTH_REFUSED', `${said} Correct the headers or the authentication.`);
  throw new SyncError('CONN_CHECK_FAILED', `${said} A check wants one from 200 to 299; correct the URL or the path.`);
}
