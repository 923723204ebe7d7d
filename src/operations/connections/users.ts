import {
  type ConnectionUser,
  deleteBulkSync,
  deleteModel,
  deleteModelSync,
  findBulkSync,
  findModel,
  findModelSync,
  type StoreDatabase,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';

type UserKind = ConnectionUser['type'];

/** What can use a connection: its name for people, and how it is found and forgotten. */
const KINDS = {
  bulk_sync: { noun: 'bulk sync', find: findBulkSync, remove: deleteBulkSync },
  model: { noun: 'model', find: findModel, remove: deleteModel },
  sync: { noun: 'model sync', find: findModelSync, remove: deleteModelSync },
} as const satisfies Record<UserKind, unknown>;

/** Such as `bulk sync "Nightly"`. */
export function describeUser({ type, name }: ConnectionUser): string {
  return `${KINDS[type].noun} "${name}"`;
}

/** Sees that the caller may delete what uses a connection. @throws `FORBIDDEN` */
export async function permitDeleteOfUser(context: Context, { type, id }: ConnectionUser): Promise<void> {
  const found = await KINDS[type].find(context.store.db, context.caller.organizationId, id);
  if (found !== undefined) await authorize(context, 'delete', { kind: type, policies: found.policies });
}

/** Deletes what uses a connection. Call it in the transaction that deletes the connection. */
export async function deleteUser(context: Context, db: StoreDatabase, user: ConnectionUser): Promise<void> {
  const { type, id, name } = user;
  const isDeleted = await KINDS[type].remove(db, context.caller.organizationId, id);
  if (isDeleted)
    await recordAudit(db, context, { action: 'delete', object: { type, id, name }, before: null, after: null });
}
