import { startServer } from '../demo/server.ts';
import { median, type StartFigure } from './results.ts';
import { say } from './say.ts';

const STARTS = 5;
const NO_SIGNAL = new AbortController().signal;

/**
 * How long a server takes from its start to its first answer, on a home whose metadata database was made before, in seconds.
 * It is asked every 0.1 s.
 */
export async function measureStart(home: string): Promise<StartFigure> {
  say('start: the server is started anew, again and again');
  const seconds: number[] = [];
  for (let start = 0; start <= STARTS; start += 1) {
    const startedAt = performance.now();
    await using _server = await startServer(home, NO_SIGNAL);
    // The first makes what is missing.
    if (start > 0) seconds.push((performance.now() - startedAt) / 1000);
  }
  return { starts: STARTS, medianSeconds: median(seconds), slowestSeconds: Math.max(...seconds) };
}
