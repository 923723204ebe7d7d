import { linkSync, renameSync, rmSync } from 'node:fs';
import { isSystemError, readFileIfAny, writePrivateFile } from './private-file.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

/** A file that says which process owns something. Left behind by kill -9, it binds nobody. */
export interface ProcessLock {
  /** Safe to call twice and while the process exits. */
  release(): void;
}

/** Either the lock, or the living process that has it. */
export type LockAttempt =
  | { readonly lock: ProcessLock; readonly holder?: never }
  | { readonly lock?: never; readonly holder: ProcessIdentity };

/**
 * Takes the lock file at `path` for this process, over from a process that no longer lives if need be.
 * It knows the processes of this machine only: on a file system shared by machines it protects nothing.
 */
export function takeProcessLock(path: string): LockAttempt {
  const own = ownIdentity();
  const draft = `${path}.${own.pid}`;
  writePrivateFile(draft, JSON.stringify(own));
  try {
    // Ends: each turn either wins, finds a living holder, or removes one dead holder.
    for (;;) {
      if (tryLink(draft, path)) return { lock: createLock(path, own) };
      const text = readFileIfAny(path);
      const holder = text === undefined ? undefined : parseIdentity(text);
      if (holder !== undefined && isAlive(holder)) return { holder };
      if (text !== undefined) discard(path, text);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Linking is the one step that creates a file with its content or fails: nobody ever reads half a lock. */
function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a dead holder's file, unless another process replaced it since we read it. */
function discard(path: string, deadText: string): void {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return;
    throw error;
  }
  if (readFileIfAny(aside) !== deadText) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function createLock(path: string, own: ProcessIdentity): ProcessLock {
  const text = JSON.stringify(own);
  return {
    release() {
      if (readFileIfAny(path) === text) rmSync(path, { force: true });
    },
  };
}

function ownIdentity(): ProcessIdentity {
  const own = identifyProcess(process.pid);
  if (own === undefined) throw new Error(`Cannot read the start time of process ${process.pid}: is /proc mounted?`);
  return own;
}

/** A file that we cannot read as a holder (an empty one after a power cut) holds nothing. */
function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return undefined;
    const { pid, startedAt } = value;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}
