#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runCli } from './cli/index.ts';
import { exitWith } from './runtime/index.ts';

/** The bin: the command line with the two commands that run in this process passed in. */
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }; // our own manifest
// `millrace … | head` closes our output early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
try {
  process.exitCode = await runCli(process.argv.slice(2), {
    version: manifest.version,
    // Loaded when asked for: a command that only asks a server need not load one.
    serve: async (overrides) => (await import('./serve.ts')).serve(overrides, manifest.version),
    startPrivateServer: async (options, signal) =>
      (await import('./private-server.ts')).startPrivateServer(options, signal),
    backup: async (overrides, request) => (await import('./backup.ts')).runBackup(overrides, request, manifest.version),
    restore: async (overrides, request) => (await import('./backup.ts')).runRestore(overrides, request),
    keys: async (overrides, request) => (await import('./keys.ts')).runKeys(overrides, request),
    rotateMaster: async (overrides, request) =>
      (await import('./rotate-master.ts')).runRotateMaster(overrides, request),
    doctor: async (options) => (await import('./doctor.ts')).runDoctor(options, manifest.version),
  });
} catch (error) {
  exitWith(error);
}
