import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { SyncError } from '../../../core/index.ts';
import type { SnapshotRef, SourceSnapshot } from '../../source.ts';

/** What some files were at one moment. */
export interface FilesState {
  /** By path; changes whenever the file is written, replaced, made or removed. */
  readonly states: ReadonlyMap<string, string>;
  /** For people: bytes of all, and when the newest was written. */
  readonly position: string;
}

/** Looks at files, which need not exist. */
export async function readFilesState(paths: readonly string[]): Promise<FilesState> {
  const states = new Map<string, string>();
  let newest = 0n;
  let bytes = 0n;
  for (const path of paths) {
    const found = await stat(path, { bigint: true }).catch(() => null);
    states.set(path, found === null ? 'none' : `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`);
    if (found === null) continue;
    newest = found.mtimeNs > newest ? found.mtimeNs : newest;
    bytes += found.size;
  }
  const written = newest === 0n ? '' : `, written ${new Date(Number(newest / 1_000_000n)).toISOString()}`;
  return { states, position: `${bytes} bytes${written}` };
}

interface Image {
  readonly states: FilesState['states'];
  readonly letGo: () => Promise<void>;
}

/** The images that this thread holds open, by token. Those of a process that ended are lost with it. */
const images = new Map<string, Image>();

/** Holds an image until it is disposed of or found to have changed; `letGo` runs then, once. */
export function holdImage(state: FilesState, letGo: () => Promise<void>): SourceSnapshot {
  const token = randomUUID();
  images.set(token, { states: state.states, letGo });
  return {
    token,
    position: { position: state.position, takenAt: new Date().toISOString() },
    lowerBound: {
      value: new Date().toISOString(),
      isExact: false,
      reason: 'a file has no clock and shows no open transactions',
    },
    [Symbol.asyncDispose]: () => dropImage(token),
  };
}

/** Proves files of an image. @throws `SNAPSHOT_LOST` when it is not held here any more, or one of them has changed since */
export async function proveImage({ token }: Pick<SnapshotRef, 'token'>, paths: readonly string[]): Promise<void> {
  const image = images.get(token);
  if (image === undefined) throw lost('it is not held any more');
  const { states } = await readFilesState(paths);
  const changed = paths.find((path) => image.states.get(path) !== states.get(path));
  if (changed === undefined) return;
  await dropImage(token);
  throw lost(`${changed} has changed`);
}

async function dropImage(token: string): Promise<void> {
  const image = images.get(token);
  images.delete(token);
  await image?.letGo();
}

function lost(why: string): SyncError {
  return new SyncError('SNAPSHOT_LOST', `The image that the readers shared is gone: ${why}. It is renewed.`);
}
