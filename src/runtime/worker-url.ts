/**
 * Where the pipeline threads start: `worker.ts` beside `main.ts`, or `worker.js` in the built package. The compiler
 * rewrites imports and leaves URLs alone, so the ending is taken from our own.
 */
export function workerUrl(): URL {
  return new URL(`../worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
