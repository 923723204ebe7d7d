import { Command, CommanderError } from 'commander';
import { ApiFailure } from '../contract/index.ts';
import { describeFailure, readEnvironment } from '../runtime/index.ts';
import type { CliActions, CliStreams, Run, RunHere } from './command.ts';
import { addConnectionCommands } from './commands/connections.ts';
import { addCopyCommand } from './commands/copy.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addServerCommands } from './commands/server.ts';
import { addSyncCommands } from './commands/syncs.ts';
import { openSession } from './session.ts';
import { createTerminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const DONE = 0;
const FAILED = 1;
const MISUSED = 2;
const INTERRUPTED = 130;

/**
 * Runs one command line, without the names of Node and script.
 * @returns the exit code: 0 done, 1 failed (also an execution that failed or finished with errors), 2 used wrongly,
 *   130 interrupted
 */
export async function runCli(
  args: readonly string[],
  actions: CliActions,
  streams: CliStreams = thisProcess(),
): Promise<number> {
  const hasColour = !streams.environment.NO_COLOR;
  const out = createTerminal(streams.output, { hasColour });
  const err = createTerminal(streams.errors, { hasColour });
  let exitCode = DONE;
  const runHere: RunHere = async (work) => {
    exitCode = await work();
  };
  const run: Run = (options, work) =>
    runHere(() => withInterrupt((signal) => work(openSession({ ...streams, out, err, signal }, options))));
  try {
    await createProgram(actions, streams, { run, runHere }).parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : MISUSED;
    if (error instanceof Error && error.name === 'AbortError') return INTERRUPTED;
    err.line(sentenceFor(error, args.includes('--json')));
    return error instanceof UsageError ? MISUSED : FAILED;
  }
}

function thisProcess(): CliStreams {
  return { input: process.stdin, output: process.stdout, errors: process.stderr, environment: readEnvironment() };
}

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C, or a polite end from elsewhere, aborts the signal; the command decides what it says then. */
async function withInterrupt(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const onInterrupt = () => controller.abort();
  for (const name of INTERRUPTS) process.on(name, onInterrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of INTERRUPTS) process.off(name, onInterrupt);
  }
}

function createProgram(
  actions: CliActions,
  streams: CliStreams,
  { run, runHere }: { readonly run: Run; readonly runHere: RunHere },
): Command {
  const program = new Command('millrace')
    .description('Copies whole databases and ends every run with a receipt of what was proved equal.')
    .version(actions.version, '-V, --version', 'print the version')
    .option('--url <url>', 'address of the server (MILLRACE_URL)')
    .option('--home <folder>', 'home folder (MILLRACE_HOME)')
    .option('--json', 'print one JSON document instead of text')
    .showHelpAfterError('Run it with --help to see how it is used.')
    // Set before the subcommands are made, because they inherit it.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.output.write(text),
      writeErr: (text) => void streams.errors.write(text),
    });
  addCopyCommand(program, actions, run);
  addServerCommands(program, actions, runHere);
  addKeyCommands(program, actions, runHere);
  addConnectionCommands(program, run);
  addSyncCommands(program, run);
  return program;
}

/** What a person, or with `--json` a program, reads when a command did not work. */
function sentenceFor(error: unknown, isJson: boolean): string {
  if (error instanceof ApiFailure) {
    if (isJson)
      return JSON.stringify({ status: error.status, key: error.key, message: error.message, metadata: error.metadata });
    return error.status === 401
      ? `${error.message} Set MILLRACE_API_KEY, or MILLRACE_HOME to the home of that server.`
      : error.message;
  }
  return error instanceof UsageError ? error.message : describeFailure(error);
}
