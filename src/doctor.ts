import pg from 'pg';
import {
  type Config,
  type ConfigOverrides,
  describeFailure,
  localUrl,
  prepareHome,
  readCliFile,
  readConfig,
  toDatabaseError,
} from './runtime/index.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly message: string;
}

/** Looks at what a start needs and at what runs; changes nothing but an absent home folder. Exit code 1 when something is wrong. */
export async function runDoctor(
  options: ConfigOverrides & { readonly isJson: boolean },
  version: string,
): Promise<number> {
  const findings = await examine(options, version);
  if (options.isJson) process.stdout.write(`${JSON.stringify({ findings }, undefined, 2)}\n`);
  else
    for (const { check, ok, message } of findings)
      process.stdout.write(`${ok ? 'ok   ' : 'wrong'}  ${check.padEnd(18)} ${message}\n`);
  return findings.every((finding) => finding.ok) ? 0 : 1;
}

async function examine(options: ConfigOverrides, version: string): Promise<readonly Finding[]> {
  const versions = { check: 'versions', ok: true, message: `Millrace ${version}, Node ${process.version}` };
  let config: Config;
  try {
    config = readConfig(undefined, options);
    prepareHome(config.home);
  } catch (error) {
    return [versions, { check: 'settings', ok: false, message: describeFailure(error) }];
  }
  const home = { check: 'home folder', ok: true, message: `${config.home} is writable` };
  return [versions, home, await examineDatabase(config), await examineServer(config)];
}

async function examineDatabase(config: Config): Promise<Finding> {
  const check = 'metadata database';
  const { databaseUrl } = config;
  if (databaseUrl === undefined) return { check, ok: true, message: 'embedded; it runs while the server runs' };
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return { check, ok: true, message: `PostgreSQL ${rows[0]?.server_version} answers at DATABASE_URL` };
  } catch (error) {
    return { check, ok: false, message: describeFailure(toDatabaseError(error, databaseUrl)) };
  } finally {
    await client.end().catch(() => {});
  }
}

async function examineServer(config: Config): Promise<Finding> {
  const check = 'server';
  const url = config.url ?? readCliFile(config.home)?.url ?? localUrl(config.host, config.port);
  try {
    const reply = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    return {
      check,
      ok: reply.ok,
      message: reply.ok ? `ready at ${url}` : `answers at ${url}, but is not ready (status ${reply.status})`,
    };
  } catch {
    return { check, ok: true, message: `not running (nothing answers at ${url}); start it with: millrace serve` };
  }
}
