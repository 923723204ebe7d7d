const LOOK_MS = 500;
/** A smaller step delays what waits for the wall clock by less than a second. */
const NOTICED_MS = 500;

/**
 * Notices when somebody sets the machine's clock back, within a second.
 * @param onSetBack gets by how many milliseconds
 * @returns ends the watch
 */
export function watchClock(onSetBack: (ms: number) => void): () => void {
  let ahead = Date.now() - performance.now();
  const timer = setInterval(() => {
    const before = ahead;
    ahead = Date.now() - performance.now();
    if (before - ahead > NOTICED_MS) onSetBack(before - ahead);
  }, LOOK_MS);
  return () => clearInterval(timer);
}
