import type { StoreDatabase } from '../database.ts';
import { toStorableJson } from './storable-json.ts';

type Records = readonly Readonly<Record<string, unknown>>[];

/** Stores one page of what a query found; repeating it changes nothing. */
export async function insertQueryPage(
  db: StoreDatabase,
  organizationId: string,
  jobId: string,
  page: { readonly number: number; readonly records: Records },
): Promise<void> {
  await db
    .insertInto('queryPages')
    .values({ jobId, organizationId, page: page.number, records: toStorableJson(page.records) })
    .onConflict((conflict) =>
      conflict.columns(['jobId', 'page']).doUpdateSet((row) => ({ records: row.ref('excluded.records') })),
    )
    .execute();
}

/** One page of what a query found; undefined when there is none of that number. */
export async function findQueryPage(
  db: StoreDatabase,
  organizationId: string,
  jobId: string,
  page: number,
): Promise<Records | undefined> {
  const row = await db
    .selectFrom('queryPages')
    .select('records')
    .where('organizationId', '=', organizationId)
    .where('jobId', '=', jobId)
    .where('page', '=', page)
    .executeTakeFirst();
  return row?.records;
}
