import type { Context } from '../context.ts';

/** How the jobs of one type are done. */
export interface JobHandler {
  /** How often the work may begin: more than once only where beginning again does no harm. */
  readonly maxAttempts: number;
  /** The work is stopped after so long, in milliseconds. */
  readonly limitMs: number;
  /** How long the ended job can be asked for; a day when absent. */
  readonly keepSeconds?: number;
  /**
   * Does the work with the rights of the caller who asked. What it returns is stored as JSON and is the job's result.
   * @param job its id and what `startJob` was given, read back from JSON
   * @throws what the user is to read: the message of a `SyncError` becomes the job's error
   */
  run(context: Context, job: { readonly id: string; readonly input: unknown }, signal: AbortSignal): Promise<unknown>;
}
