export {
  type Config,
  type ConfigOverrides,
  type Environment,
  localUrl,
  readConfig,
  readEnvironment,
} from './config.ts';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts';
export { type CliFile, lockHome, prepareHome, readCliFile, writeCliFile } from './home.ts';
export { createLogger, type Logger, type LoggerOptions, type LogOutput } from './logger.ts';
export type { ProcessLock } from './process-lock.ts';
export { createShutdown, type Shutdown, type ShutdownOptions } from './shutdown.ts';
export { describeFailure, exitWith, toDatabaseError, toListenError } from './startup-errors.ts';
export { workerUrl } from './worker-url.ts';
