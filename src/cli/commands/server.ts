import type { Command } from 'commander';
import type { ConfigOverrides } from '../../runtime/index.ts';
import type { CliActions, GlobalOptions, RunHere } from '../command.ts';

interface ServeOptions extends GlobalOptions {
  readonly host?: string;
  readonly port?: string;
  readonly role?: readonly string[];
}

/** `serve` and `doctor`: the commands that run in this process instead of asking a server. */
export function addServerCommands(program: Command, actions: CliActions, runHere: RunHere): void {
  program
    .command('serve')
    .description('run the server: API, scheduler and workers in one process, or some of them')
    .option('--host <address>', 'address to listen on (MILLRACE_HOST)')
    .option('--port <port>', 'port to listen on (MILLRACE_PORT)')
    .option(
      '--role <role>',
      'what this process does: api, worker, scheduler or all; may be repeated (MILLRACE_ROLE)',
      (role: string, earlier: readonly string[] = []) => [...earlier, role],
    )
    .action((_: unknown, command: Command) => {
      const { json: _json, ...overrides } = command.optsWithGlobals<ServeOptions>();
      return runHere(() => actions.serve(overrides));
    });
  program
    .command('doctor')
    .description('check this machine, the home folder, the metadata database and the server')
    .action((_: unknown, command: Command) => {
      const { json = false, ...overrides } = command.optsWithGlobals<GlobalOptions>();
      return runHere(() => actions.doctor({ ...overrides, isJson: json }));
    });
  addBackupCommands(program, actions, runHere);
}

function addBackupCommands(program: Command, actions: CliActions, runHere: RunHere): void {
  program
    .command('backup <file>')
    .description('write the metadata into a new file, also while the server runs')
    .option('--with-key', 'put the master key into it, too')
    .action((file: string, _: unknown, command: Command) => {
      const { withKey = false, ...options } = command.optsWithGlobals<GlobalOptions & { readonly withKey?: boolean }>();
      return runHere(() => actions.backup(toOverrides(options), { file, withKey, isJson: options.json ?? false }));
    });
  program
    .command('restore <file>')
    .description('restore the metadata from such a file; no server may run')
    .option('--replace', 'drop what the database holds now')
    .action((file: string, _: unknown, command: Command) => {
      const { replace = false, ...options } = command.optsWithGlobals<GlobalOptions & { readonly replace?: boolean }>();
      return runHere(() => actions.restore(toOverrides(options), { file, replace, isJson: options.json ?? false }));
    });
}

function toOverrides({ home, url }: GlobalOptions): ConfigOverrides {
  return { ...(home === undefined ? {} : { home }), ...(url === undefined ? {} : { url }) };
}
