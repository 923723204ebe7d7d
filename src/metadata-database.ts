import { join } from 'node:path';
import {
  type Config,
  createLogger,
  findEmbeddedPostgres,
  prepareHome,
  startEmbeddedPostgres,
} from './runtime/index.ts';

/** The metadata database for one command. */
export interface OpenDatabase extends AsyncDisposable {
  readonly url: string;
}

/** The metadata database, started for as long as it is needed where it is the embedded one and does not run. */
export async function openDatabase(config: Config, home: 'may be running' | 'is ours'): Promise<OpenDatabase> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, [Symbol.asyncDispose]: async () => {} };
  const running = home === 'is ours' ? undefined : findEmbeddedPostgres(config.home);
  if (running !== undefined) return { url: running, [Symbol.asyncDispose]: async () => {} };
  const log = createLogger({ level: 'warn' });
  prepareHome(config.home);
  const embedded = await startEmbeddedPostgres({ home: config.home, log });
  return { url: embedded.url, [Symbol.asyncDispose]: () => embedded.stop() };
}

/** Where the master key of a home comes from. */
export function masterKeyOf(config: Config) {
  const environment = config.encryptionKey === undefined ? null : Buffer.from(config.encryptionKey).toString('hex');
  return { environment, file: join(config.home, 'master.key') };
}
