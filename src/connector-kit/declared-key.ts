import { SyncError } from '../core/index.ts';
import type { LoadPlan } from './load.ts';

/** What a load answers that finds a declared key broken, before it changes the live table. */
export function keyNotUnique({ schemaId, columns }: Pick<LoadPlan, 'schemaId' | 'columns'>): SyncError {
  const key = columns.filter(({ isKey }) => isKey).map(({ field }) => field);
  return new SyncError(
    'KEY_NOT_UNIQUE',
    `Loading ${schemaId} found records that its declared key (${key.join(', ')}) does not tell apart, or that have none. No record was changed. Declare a key that is unique and never NULL, or go back to the detected one; where the source gives pages and gave a record twice, start again.`,
    { detail: { schema: schemaId, key } },
  );
}
