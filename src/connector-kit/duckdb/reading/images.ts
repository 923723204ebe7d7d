import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { SyncError } from '../../../core/index.ts';
import type { SnapshotRef, SourceSnapshot } from '../../connector.ts';

/** What names one state of some files. */
export interface FilesState {
  /** Changes whenever a file is written, replaced, added or removed. */
  readonly identity: string;
  /** For people: when the newest was written, and bytes of all. */
  readonly position: string;
}

/** Looks at files that need not exist. */
export async function readFilesState(paths: readonly string[]): Promise<FilesState> {
  const parts: string[] = [];
  let newest = 0n;
  let bytes = 0n;
  for (const path of paths) {
    const found = await stat(path, { bigint: true }).catch(() => null);
    parts.push(found === null ? `${path} -` : `${path} ${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`);
    if (found === null) continue;
    newest = found.mtimeNs > newest ? found.mtimeNs : newest;
    bytes += found.size;
  }
  const written = newest === 0n ? 'nothing there' : `written ${new Date(Number(newest / 1_000_000n)).toISOString()}`;
  return { identity: parts.join('\n'), position: `${written}, ${bytes} bytes` };
}

interface Image {
  readonly identity: string;
  readonly letGo: () => Promise<void>;
}

/** The images that this thread holds open, by token. Those of a process that ended are lost with it. */
const images = new Map<string, Image>();

/** Holds an image until it is disposed of or found to have changed; `letGo` runs then, once. */
export function holdImage(state: FilesState, letGo: () => Promise<void>): SourceSnapshot {
  const token = randomUUID();
  images.set(token, { identity: state.identity, letGo });
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

/** @throws `SNAPSHOT_LOST` when the image is not held here any more, or the files have changed since */
export async function proveImage({ token }: Pick<SnapshotRef, 'token'>, paths: readonly string[]): Promise<void> {
  const image = images.get(token);
  if (image === undefined) throw lost('it is not held any more');
  if ((await readFilesState(paths)).identity === image.identity) return;
  await dropImage(token);
  throw lost('the files have changed');
}

async function dropImage(token: string): Promise<void> {
  const image = images.get(token);
  images.delete(token);
  await image?.letGo();
}

function lost(why: string): SyncError {
  return new SyncError('SNAPSHOT_LOST', `The image that the readers shared is gone: ${why}. It is renewed.`);
}
