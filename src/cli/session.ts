import { type Client, createClient } from '../contract/index.ts';
import { type CliFile, type Config, type Environment, localUrl, readCliFile, readConfig } from '../runtime/index.ts';
import type { InputStream } from './prompt.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** What every command is given. */
export interface Session {
  /** Standard output: results. With `isJson`, exactly one JSON document. */
  readonly out: Terminal;
  /** Standard error: everything that is not a result. */
  readonly err: Terminal;
  readonly input: InputStream;
  readonly environment: Environment;
  readonly isJson: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Made on first use, so that commands that need no server need no key. */
  client(): Client;
}

/** Address and key for the client: options, then variables, then what the server of this home left in `cli.json`. */
export function findServer(
  environment: Environment,
  options: { readonly url?: string; readonly home?: string },
): { url: string; apiKey: string } {
  const config = readConfig(environment, options);
  const file = readCliFile(config.home);
  const url = config.url ?? file?.url ?? localUrl(config.host, config.port);
  const apiKey = config.apiKey ?? keyOfHome(config, url, file);
  if (apiKey !== undefined) return { url, apiKey };
  throw new UsageError(
    file === undefined
      ? `No API key: ${config.home} belongs to no server yet. Start one with \`millrace serve\`, or set MILLRACE_API_KEY (and MILLRACE_HOME or MILLRACE_URL).`
      : `No API key for ${url}: the one in ${config.home} belongs to ${file.url}. Set MILLRACE_API_KEY.`,
  );
}

/** A key is sent to the server that made it, or to another name of this machine; never elsewhere. */
function keyOfHome(config: Config, url: string, file: CliFile | undefined): string | undefined {
  if (file === undefined) return undefined;
  const isItsServer = new URL(url).origin === new URL(file.url).origin;
  const isThisMachine = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
  return config.url === undefined || isItsServer || isThisMachine ? file.userKey : undefined;
}

/** Makes what a command works with; nothing is read or opened before the command asks. */
export function openSession(
  parts: Pick<Session, 'out' | 'err' | 'input' | 'environment' | 'signal'>,
  options: { readonly url?: string; readonly home?: string; readonly json?: boolean },
): Session {
  const { out, err, input, environment, signal } = parts;
  return {
    ...{ out, err, input, environment, signal },
    isJson: options.json === true,
    client: () => createClient(findServer(environment, options)),
  };
}

/** The one document of a command with `--json`; answers with exit code 0. */
export function printJson(session: Pick<Session, 'out'>, value: unknown): number {
  session.out.line(JSON.stringify(value, undefined, 2));
  return 0;
}
