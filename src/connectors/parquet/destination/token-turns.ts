import type { TablePlace } from './layout.ts';

/** By the table's folder. One thread of one process has a folder's lock, so all who raise or hold its tokens are here. */
const lastTurns = new Map<string, Promise<unknown>>();

/**
 * What raises a token or a fence, and the check and commit under one, come one after the other. It may be taken within a turn
 * on the whole folder, never the other way round.
 */
export async function inTokenTurn<T>({ folder }: TablePlace, work: () => Promise<T>): Promise<T> {
  const turn = (lastTurns.get(folder) ?? Promise.resolve()).then(work);
  const settled = turn.catch(() => {});
  lastTurns.set(folder, settled);
  try {
    return await turn;
  } finally {
    if (lastTurns.get(folder) === settled) lastTurns.delete(folder);
  }
}
