import { randomUUID } from 'node:crypto';
import { existsSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, createLoneCredit } from './connector-kit/index.ts';
import { createAddressCheck } from './connector-kit/net/index.ts';
import { CONNECTORS } from './connectors/index.ts';
import { examineConnection, type Finding, judgeMetadata, notice, ok, wrong } from './operations/index.ts';
import {
  type Config,
  type ConfigOverrides,
  describeFailure,
  findEmbeddedPostgres,
  inspectEmbedded,
  localUrl,
  prepareHome,
  readCliFile,
  readConfig,
  toDatabaseAddress,
  toDatabaseError,
} from './runtime/index.ts';
import { type Checkup, openCheckup } from './store/index.ts';

/** Connections are opened so many at a time. */
const CONNECTIONS_AT_ONCE = 4;
const LOW_DISK_BYTES = 1024 ** 3;
const NO_DISK_BYTES = 128 * 1024 ** 2;

/**
 * Looks at what a start needs, at what runs, and at the systems behind the connections. Changes nothing but an absent home
 * folder. Answers with the exit code: 1 when something is wrong.
 */
export async function runDoctor(
  options: ConfigOverrides & { readonly isJson: boolean },
  version: string,
): Promise<number> {
  const findings = await examine(options, version);
  if (options.isJson) {
    const shown = findings.map((finding) => ({ ...finding, ok: finding.level !== 'wrong' }));
    process.stdout.write(`${JSON.stringify({ findings: shown }, undefined, 2)}\n`);
  } else {
    const width = Math.max(...findings.map(({ check }) => check.length));
    for (const { check, level, message, advice } of findings) {
      process.stdout.write(`${level.padEnd(6)}  ${check.padEnd(width)}  ${message}\n`);
      if (advice !== null) process.stdout.write(`${' '.repeat(8 + width + 2)}→ ${advice}\n`);
    }
  }
  return findings.some(({ level }) => level === 'wrong') ? 1 : 0;
}

async function examine(options: ConfigOverrides, version: string): Promise<readonly Finding[]> {
  const versions = ok('versions', `Millrace ${version}, Node ${process.version}`);
  let config: Config;
  try {
    config = readConfig(undefined, options);
    prepareHome(config.home);
  } catch (error) {
    return [versions, wrong('settings', describeFailure(error), null)];
  }
  return [
    versions,
    ...examineHome(config),
    ...examineDisk(config),
    ...examineEmbedded(config),
    examineMail(config),
    await examineServer(config),
    ...(await examineMetadata(config, version)),
  ];
}

function examineHome(config: Config): readonly Finding[] {
  const check = 'home folder';
  const open = ['', 'master.key', 'cli.json']
    .map((name) => join(config.home, name))
    .filter((path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0);
  if (open.length === 0) return [ok(check, `${config.home} is writable, and closed to others`)];
  return [notice(check, `others may look into ${open.join(', ')}`, `chmod go= ${open.join(' ')}`)];
}

function examineDisk(config: Config): readonly Finding[] {
  const folders = [config.home, inspectEmbedded(config.home)?.dataFolder, config.filesRoot].filter(
    (folder) => folder !== undefined && existsSync(folder),
  );
  return [...new Set(folders)].flatMap((folder) => {
    const { bavail, bsize } = statfsSync(folder ?? config.home);
    const free = bavail * bsize;
    const message = `${(free / 1024 ** 3).toFixed(1)} GiB are free for ${folder}`;
    if (free >= LOW_DISK_BYTES) return [ok('disk', message)];
    return [(free < NO_DISK_BYTES ? wrong : notice)('disk', message, 'Free space, or move the folder.')];
  });
}

function examineEmbedded({ home, databaseUrl }: Config): readonly Finding[] {
  const embedded = databaseUrl === undefined ? inspectEmbedded(home) : undefined;
  if (embedded === undefined) return [];
  const check = 'embedded database';
  const { dataVersion, ownVersion } = embedded;
  if (dataVersion === ownVersion) return [ok(check, `its data are of PostgreSQL ${dataVersion}`)];
  return [
    wrong(
      check,
      `its data are of PostgreSQL ${dataVersion}, and this Millrace brings ${ownVersion}`,
      'With the version that made them: millrace backup FILE. With this one, on a new home: millrace restore FILE',
    ),
  ];
}

/** Whether the mail server takes anything shows when something is sent: a greeting proves little. */
function examineMail({ mail }: Config): Finding {
  const check = 'e-mails';
  if (mail !== undefined) return ok(check, `sent from ${mail.from} by ${new URL(mail.url).host}`);
  return ok(check, 'none are sent, since MILLRACE_SMTP_URL is not set');
}

async function examineServer(config: Config): Promise<Finding> {
  const check = 'server';
  const url = config.url ?? readCliFile(config.home)?.url ?? localUrl(config.host, config.port);
  try {
    const reply = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    if (reply.ok) return ok(check, `ready at ${url}`);
    return wrong(check, `answers at ${url}, but is not ready (status ${reply.status})`, 'Look at its log.');
  } catch {
    return ok(check, `not running (nothing answers at ${url}); start it with: millrace serve`);
  }
}

async function examineMetadata(config: Config, version: string): Promise<readonly Finding[]> {
  const url = config.databaseUrl ?? findEmbeddedPostgres(config.home);
  if (url === undefined) return [ok('metadata database', 'embedded; it runs while the server runs')];
  const environment = config.encryptionKey === undefined ? null : Buffer.from(config.encryptionKey).toString('hex');
  const masterKey = { environment, file: join(config.home, 'master.key') };
  try {
    await using checkup = await openCheckup({ url, masterKey });
    return await examineInstallation(config, url, checkup, version);
  } catch (error) {
    return [wrong('metadata database', describeFailure(toDatabaseError(error, url)), null)];
  }
}

async function examineInstallation(
  config: Config,
  url: string,
  checkup: Checkup,
  version: string,
): Promise<readonly Finding[]> {
  const facts = await checkup.readFacts();
  const findings = [...judgeMetadata(facts, version)];
  const { installation } = facts;
  // Of another version's tables only the facts above are sure.
  if (installation === null || installation.migrationProblem !== null || installation.hasOldTables) return findings;
  const work = { openExecutions: installation.openExecutions, syncIds: await checkup.listSyncIds() };
  const connections = [...(await checkup.listConnections())];
  const settings = { ...config, forbiddenDatabase: toDatabaseAddress(url) };
  const tools = { resolveHost: createAddressCheck(settings), failpoint: () => {}, credit: createLoneCredit(0) };
  const next = async (): Promise<void> => {
    for (let connection = connections.shift(); connection !== undefined; connection = connections.shift()) {
      const context = createContext(settings, tools, connection.organizationId, `millrace doctor ${randomUUID()}`);
      findings.push(...(await examineConnection(CONNECTORS.get(connection.type), connection, context, work)));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, next));
  return findings;
}
