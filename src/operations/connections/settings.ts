import { updateConnection } from '../../store/index.ts';
import { toActorColumns } from '../actors.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { requireConnection } from './connections.ts';

/** Millrace's own settings of a connection. */
export interface ConnectionSettings {
  /** Steps of executions that may work on it at once, over all workers; null = no limit. */
  readonly maxLanes: number | null;
}

const MOST_LANES = 1_000;

/** @throws `NOT_FOUND` */
export async function getConnectionSettings(context: Context, id: string): Promise<ConnectionSettings> {
  const { maxLanes } = await requireConnection(context, id);
  return { maxLanes };
}

/** Replaces all settings; steps of lanes that begin later keep to them. @throws `NOT_FOUND`, `REQUEST_REFUSED` */
export async function replaceConnectionSettings(
  context: Context,
  id: string,
  settings: ConnectionSettings,
): Promise<ConnectionSettings> {
  const { maxLanes } = settings;
  if (maxLanes !== null && !(Number.isInteger(maxLanes) && maxLanes >= 1 && maxLanes <= MOST_LANES))
    throw refuseField('max_lanes', `must be a whole number from 1 to ${MOST_LANES}, or null`);
  const { name, maxLanes: before } = await requireConnection(context, id, 'edit');
  const by = toActorColumns(context.caller);
  const change = { maxLanes, updatedBy: by.id, updatedByType: by.type };
  await context.store.transaction(async ({ db }) => {
    await updateConnection(db, context.caller.organizationId, id, change);
    const object = { type: 'connection', id, name };
    await recordAudit(db, context, { action: 'update', object, before: { maxLanes: before }, after: { maxLanes } });
  });
  return settings;
}
