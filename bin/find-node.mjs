// Plain JavaScript for any Node since 20: it runs before we know that a newer one is there.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

const OLDEST_MAJOR = 24;

/**
 * Keep the heap of a Millrace process close to what is alive in it. V8 lets a small heap grow to four times that before it
 * looks again: the plans of 2,000 tables left 230 MB of garbage, and 40 MB with these. Records are in no heap, so they cost
 * little. They cannot be set from within.
 */
export const HEAP_FLAGS = ['--max-semi-space-size=4', '--heap-growing-percent=30'];
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Folder of a package, found upwards from `from` as Node does; undefined when it is not installed. */
export function findPackage(name, from) {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Script behind a tool's name, from its package's `bin` field. */
export function findTool(packageName, tool, from) {
  const folder = findPackage(packageName, from);
  if (folder === undefined) return undefined;
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entry = typeof bin === 'string' ? bin : bin?.[tool];
  return entry === undefined ? undefined : join(folder, entry);
}

/**
 * Path of a Node that can run us: this one, or the one that npm installed beside us. A package of that name exists
 * for Linux only; elsewhere a person brings Node 24.
 */
export function findNode(from, version = process.versions.node) {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return process.execPath;
  const folder = findPackage(`node-${process.platform}-${process.arch}`, from);
  const binary = folder === undefined ? undefined : join(folder, 'bin', 'node');
  return binary !== undefined && existsSync(binary) ? binary : undefined;
}

/** Ends this process with one sentence. */
export function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

/** The same as `findNode`, for callers who cannot go on without one. */
export function requireNode(from) {
  const node = findNode(from);
  if (node !== undefined) return node;
  return fail(
    `Millrace needs Node ${OLDEST_MAJOR}, and this is Node ${process.versions.node}: install Node ${OLDEST_MAJOR}.`,
  );
}

/** Compiled code is kept between starts: a pipeline thread then starts in a third of the time. Private to the user. */
export function compileCache() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'millrace', 'compiled');
}

/**
 * Runs `node args…` in our place: same terminal, same signals, same exit code.
 * @param {{ watched?: boolean }} [options] `watched` opens a channel whose closing tells the child that we are gone,
 *   which is how a server learns that its launcher was killed
 */
export function runInPlace(node, args, { watched = false } = {}) {
  const child = spawn(node, args, {
    stdio: watched ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    env: {
      NODE_COMPILE_CACHE: compileCache(),
      ...process.env,
      PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
    },
  });
  // A terminal sends Ctrl-C to every process of the group, so the child has it already, and a second one means "at once".
  const hasTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !hasTerminal) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  child.on('error', (error) => fail(`Could not start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED) process.off(name, forward);
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}
