export {
  type Config,
  type ConfigOverrides,
  type Environment,
  isLoopback,
  localUrl,
  readConfig,
  readEnvironment,
  toDatabaseAddress,
} from './config.ts';
export {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  inspectEmbedded,
  startEmbeddedPostgres,
} from './embedded-postgres.ts';
export { readFilesMark, writeFilesMark } from './files-mark.ts';
export { type CliFile, lockHome, prepareHome, readCliFile, toCliFile, writeCliFile } from './home.ts';
export { createLogger, type Logger } from './logger.ts';
export { createMailer } from './mailer.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { isSystemError } from './private-file.ts';
export { createShutdown, type Shutdown } from './shutdown.ts';
export { describeFailure, exitWith, toDatabaseError, toListenError } from './startup-errors.ts';
export { createTemporaryHome, type TemporaryHome } from './temporary-home.ts';
export { workerUrl } from './worker-url.ts';
