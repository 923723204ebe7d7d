export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts';
export { type CliFile, lockHome, prepareHome, readCliFile, writeCliFile } from './home.ts';
export { createLogger, type Logger, type LoggerOptions, type LogOutput } from './logger.ts';
export type { ProcessLock } from './process-lock.ts';
export { workerUrl } from './worker-url.ts';
