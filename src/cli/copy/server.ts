import { dirname, join, relative, sep } from 'node:path';
import { type Client, createClient } from '../../contract/index.ts';
import { readCliFile, readConfig } from '../../runtime/index.ts';
import type { CliActions, GlobalOptions } from '../command.ts';
import { findServer, type Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import type { Endpoint } from './endpoint.ts';

const ANSWER_LIMIT_MS = 2_000;

/** The server that a copy goes through. Disposing ends it where it was started for the copy. */
export interface CopyServer extends AsyncDisposable {
  readonly client: Client;
  readonly isPrivate: boolean;
}

export interface ServerWish extends GlobalOptions {
  /** Never a server that runs already. */
  readonly private?: boolean;
}

/**
 * The server named by `--url`; else the one of the home folder, when it runs and may read the paths; else a private one.
 * @throws `UsageError` when a saved connection is asked for and no server has it
 */
export async function openServer(
  session: Session,
  actions: Pick<CliActions, 'startPrivateServer'>,
  wish: ServerWish,
  ends: readonly Endpoint[],
): Promise<CopyServer> {
  const isSaved = ends.some(({ kind }) => kind === 'saved');
  if (wish.private === true && isSaved)
    throw new UsageError('A private server has no saved connections: leave --private out, or name a URL or a path.');
  const paths = ends.flatMap((end) => (end.kind === 'new' && end.path !== null ? [end.path] : []));
  if (wish.private !== true && (isNamed(session, wish) || isSaved || (await isUsable(session, wish, paths))))
    return { client: session.client(), isPrivate: false, async [Symbol.asyncDispose]() {} };
  const server = await actions.startPrivateServer({ filesFolder: findCommonFolder(paths) }, session.signal);
  return {
    client: createClient(server),
    isPrivate: true,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** True when `--url` or its variable says which server; it need not be on this machine. */
export function isNamed({ environment }: Pick<Session, 'environment'>, wish: ServerWish): boolean {
  return readConfig(environment, toOverrides(wish)).url !== undefined;
}

/** True when the home's server answers and the paths lie where its connections may name files. */
async function isUsable(
  { environment, signal }: Session,
  wish: ServerWish,
  paths: readonly string[],
): Promise<boolean> {
  const { home, filesRoot } = readConfig(environment, toOverrides(wish));
  const file = readCliFile(home);
  if (file === undefined) return false;
  const folder = join(filesRoot, file.organizationId);
  if (!paths.every((path) => isInside(path, folder))) return false;
  const { url } = findServer(environment, toOverrides(wish));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const answer = await fetch(`${url}/readyz`, { signal: limit }).catch(() => null);
  signal.throwIfAborted();
  return answer?.ok === true;
}

/** The options that also settle which server every other command asks. */
function toOverrides({ url, home }: ServerWish): { readonly url?: string; readonly home?: string } {
  return { ...(url === undefined ? {} : { url }), ...(home === undefined ? {} : { home }) };
}

function isInside(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`);
}

/** The lowest folder that has all paths below it, so that the private server may touch as little as possible. */
export function findCommonFolder(paths: readonly string[]): string | null {
  const [first, ...rest] = paths.map(withoutPattern);
  if (first === undefined) return null;
  let folder = dirname(first);
  while (!rest.every((path) => isInside(path, folder))) folder = dirname(folder);
  return folder;
}

/** The part of a path before its first pattern. */
function withoutPattern(path: string): string {
  const parts = path.split(sep);
  const at = parts.findIndex((part) => part.includes('*'));
  return at === -1 ? path : parts.slice(0, at + 1).join(sep);
}
