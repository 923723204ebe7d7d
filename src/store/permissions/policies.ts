import { type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';
import type { PolicyGrant } from './tables.ts';

/** One policy as stored. */
export type PolicyRecord = Selectable<Database['policies']>;

/** Every policy of the organization: the built-in ones first, then by name. */
export function listPolicies(db: StoreDatabase, organizationId: string): Promise<PolicyRecord[]> {
  return db
    .selectFrom('policies')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .orderBy((where) => where('systemKind', 'is', null))
    .orderBy('name')
    .orderBy('id')
    .execute();
}

/** One policy of the organization. */
export function findPolicy(db: StoreDatabase, organizationId: string, id: string): Promise<PolicyRecord | undefined> {
  return db
    .selectFrom('policies')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** What a policy says. */
export interface PolicyText {
  readonly name: string;
  readonly actions: readonly PolicyGrant[];
}

/** Fails on an id that is there already; the caller makes ids. */
export function insertPolicy(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  { name, actions }: PolicyText,
): Promise<PolicyRecord> {
  return db
    .insertInto('policies')
    .values({ id, organizationId, name, actions: JSON.stringify(actions) })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The changed policy; undefined when there is no such one. */
export function updatePolicy(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  { name, actions }: PolicyText,
): Promise<PolicyRecord | undefined> {
  return db
    .updateTable('policies')
    .set({ name, actions: JSON.stringify(actions), updatedAt: sql<Date>`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

/** Tables whose rows carry policies. */
const CARRIERS = ['connections', 'bulkSyncs', 'models', 'modelSyncs'] as const;

/** Takes the policy from the objects on which it hangs, too. @returns false when there is no such one of a user's own */
export async function deletePolicy(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  const result = await db
    .deleteFrom('policies')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('systemKind', 'is', null)
    .executeTakeFirst();
  if (result.numDeletedRows === 0n) return false;
  for (const table of CARRIERS) {
    await db
      .updateTable(table)
      .set({ policies: sql<string[]>`array_remove(policies, ${id}::uuid)` })
      .where('organizationId', '=', organizationId)
      .where(sql<boolean>`policies @> ARRAY[${id}::uuid]`)
      .execute();
  }
  return true;
}
