import type { StoreDatabase } from './database.ts';

/** The mark of the installation's folder for files; null until a worker has claimed one. */
export async function findFilesMark(db: StoreDatabase): Promise<string | null> {
  return (await db.selectFrom('installation').select('filesMark').executeTakeFirst())?.filesMark ?? null;
}

/** Makes it the installation's, unless another worker was faster. @returns the one that counts */
export async function claimFilesMark(db: StoreDatabase, mark: string): Promise<string | null> {
  await db.updateTable('installation').set({ filesMark: mark }).where('filesMark', 'is', null).execute();
  return findFilesMark(db);
}
