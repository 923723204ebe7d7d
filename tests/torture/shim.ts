import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCommand } from '../setup/system-packages.ts';

/** What one program under the shim is told; of many programs that are started alike, all of them. */
export interface ShimControl {
  /** For the program to be started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** How far its clock is ahead. */
  setClock(seconds: number): void;
  /** Whether its calls of fsync fail with EIO. */
  failFsync(fails: boolean): void;
}

/** A library that is loaded before libc. Its clock and its fsync are real until told otherwise. */
export interface Shim extends Disposable {
  /** @param fsyncPath only files whose path holds this part are met */
  createControl(name: string, fsyncPath?: string): ShimControl;
}

/** Compiles it. Null where that is not possible: it takes Linux and a C compiler. */
export function createShim(): Shim | null {
  if (process.platform !== 'linux' || !hasCommand('cc')) return null;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-shim-'));
  // PostgreSQL may run as another user.
  chmodSync(folder, 0o755);
  const library = join(folder, 'shim.so');
  const source = join(import.meta.dirname, 'shim.c');
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl']);
  const close = () => rmSync(folder, { recursive: true, force: true });
  if (status !== 0) {
    close();
    return null;
  }
  return {
    createControl: (name, fsyncPath) => createControl(library, join(folder, name), fsyncPath),
    [Symbol.dispose]: close,
  };
}

function createControl(library: string, file: string, fsyncPath: string | undefined): ShimControl {
  const state = { clockSeconds: 0n, fsyncFails: 0n };
  const save = () => {
    const bytes = Buffer.alloc(16);
    bytes.writeBigInt64LE(state.clockSeconds, 0);
    bytes.writeBigInt64LE(state.fsyncFails, 8);
    // Never truncated: programs have it in their memory.
    const descriptor = openSync(file, isMade ? 'r+' : 'w', 0o644);
    writeSync(descriptor, bytes, 0, bytes.length, 0);
    closeSync(descriptor);
  };
  let isMade = false;
  save();
  isMade = true;
  return {
    environment: {
      LD_PRELOAD: library,
      TORTURE_CONTROL: file,
      ...(fsyncPath === undefined ? {} : { TORTURE_FSYNC_PATH: fsyncPath }),
    },
    setClock(seconds) {
      state.clockSeconds = BigInt(seconds);
      save();
    },
    failFsync(fails) {
      state.fsyncFails = fails ? 1n : 0n;
      save();
    },
  };
}
