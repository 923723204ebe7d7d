import type { Selectable } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';

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
