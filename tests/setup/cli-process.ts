import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** What a command has written so far. */
export interface CliText {
  readonly output: string;
  readonly errors: string;
}

/** A command that runs. */
export interface CliProcess {
  readonly child: ChildProcess;
  /** Grows while it runs. */
  readonly text: CliText;
  readonly ended: Promise<CliText & { readonly code: number | null }>;
}

/** The command line in a process of its own, which inherits nothing that would change what it does. */
export function startCli(args: readonly string[], environment: Readonly<Record<string, string>>): CliProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|PG|DATABASE_URL$)/.test(name));
  const child = spawn(process.execPath, [ENTRY, ...args], {
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text.output += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text.errors += part;
  });
  return { child, text, ended: once(child, 'close').then(([code]) => ({ code, ...text })) };
}
