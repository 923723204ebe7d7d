import { type Command, Option } from 'commander';
import type { CliActions, GlobalOptions, KeyCommand, RunHere } from '../command.ts';
import { UsageError } from '../usage-error.ts';

interface CreateOptions extends GlobalOptions {
  readonly kind: 'user' | 'partner' | 'deployment';
  readonly organization?: string;
  readonly user?: string;
}

/** `keys`: API keys made, listed and revoked in the metadata database itself, on the server's machine. */
export function addKeyCommands(program: Command, actions: CliActions, runHere: RunHere): void {
  const keys = program.command('keys').description("make, list and revoke API keys, on the server's machine");
  const run = ({ home, json = false }: GlobalOptions, request: KeyCommand) =>
    runHere(() => actions.keys(home === undefined ? {} : { home }, { ...request, isJson: json }));
  keys
    .command('create')
    .description('make a key, and show it this once')
    .addOption(
      new Option('--kind <kind>', 'whose key it is').choices(['user', 'partner', 'deployment']).makeOptionMandatory(),
    )
    .option('--organization <id>', "the user's organization, or the partner's own; may be left out where there is one")
    .option('--user <email>', 'the user, for --kind user')
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      return run(options, toCreate(options));
    });
  keys
    .command('list')
    .description('list every key, revoked ones too; a key itself is never shown again')
    .action((_: unknown, command: Command) => run(command.optsWithGlobals<GlobalOptions>(), { command: 'list' }));
  keys
    .command('revoke <id>')
    .description('make a key open nothing any more')
    .action((id: string, _: unknown, command: Command) =>
      run(command.optsWithGlobals<GlobalOptions>(), { command: 'revoke', id }),
    );
  keys
    .command('rotate-master')
    .description('seal all secrets under a new master key; no server may run')
    .action((_: unknown, command: Command) => {
      const { home, json = false } = command.optsWithGlobals<GlobalOptions>();
      return runHere(() => actions.rotateMaster(home === undefined ? {} : { home }, { isJson: json }));
    });
}

function toCreate(options: CreateOptions): KeyCommand {
  const { kind } = options;
  const organization = options.organization ?? null;
  const user = options.user ?? null;
  if ((kind === 'user') !== (user !== null))
    throw new UsageError(kind === 'user' ? 'Name the user with --user <email>.' : '--user goes with --kind user only.');
  if (kind === 'deployment' && organization !== null)
    throw new UsageError('A deployment key is for all organizations; leave --organization out.');
  return { command: 'create', kind, organizationId: organization, email: user };
}
