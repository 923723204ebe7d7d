import type { StoreDatabase } from './database.ts';

/** The mark of the installation's folder for files; null until a worker has claimed one. */
export async function findFilesMark(db: StoreDatabase): Promise<string | null> {
  return (await db.selectFrom('installation').select('filesMark').executeTakeFirst())?.filesMark ?? null;
}

/**
 * Makes a mark the installation's, unless it has one. Workers that start at the same moment wait for each other here:
 * otherwise each would write its own mark into the folder that they share, and the last of them not the one that counts.
 * @param provideMark called at most once, and by one worker at a time: reads the folder's mark, or writes one
 * @returns the one that counts; null where there is no installation
 */
export function claimFilesMark(db: StoreDatabase, provideMark: () => string): Promise<string | null> {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction.selectFrom('installation').select('filesMark').forUpdate().executeTakeFirst();
    if (row === undefined || row.filesMark !== null) return row?.filesMark ?? null;
    const filesMark = provideMark();
    await transaction.updateTable('installation').set({ filesMark }).execute();
    return filesMark;
  });
}
