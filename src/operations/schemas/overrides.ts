import {
  applyOverrides,
  NO_OVERRIDES,
  type SchemaDescription,
  type SchemaOverrides,
  SyncError,
} from '../../core/index.ts';
import {
  findDetectedSchema,
  forgetCursors,
  listSchemaOverrides,
  lockConnections,
  type StoreDatabase,
  saveSchemaOverrides,
} from '../../store/index.ts';
import { auditOverrides } from '../audit/views.ts';
import type { Context } from '../context.ts';
import { getSchema, requireSource, type SourceConnection } from './source.ts';

/** One schema of a connection. */
export interface SchemaPlace {
  readonly connectionId: string;
  readonly schemaId: string;
}

/** What a change of overrides starts from. */
export interface OverrideScene {
  readonly source: SourceConnection;
  /** As the system describes it. */
  readonly detected: SchemaDescription;
  /** As users see it now. */
  readonly shown: SchemaDescription;
  readonly overrides: SchemaOverrides;
  readonly db: StoreDatabase;
}

/**
 * Changes what users say about one schema, one change at a time. The next read of it is complete in every sync: keys,
 * fields or names may be others.
 * @returns the schema as users see it from now on
 * @throws `NOT_FOUND` for the connection or the schema; what `change` throws, and then nothing is changed
 */
export async function changeOverrides(
  context: Context,
  place: SchemaPlace,
  change: (scene: OverrideScene) => SchemaOverrides | Promise<SchemaOverrides>,
): Promise<SchemaDescription> {
  const { organizationId } = context.caller;
  const { connectionId, schemaId } = place;
  const source = await requireSource(context, connectionId, 'edit');
  // For its refusals: it tells an unknown schema from a source that has not been read.
  await getSchema(context, connectionId, schemaId);
  return context.store.transaction(async ({ db }) => {
    await lockConnections(db, organizationId, [connectionId]);
    const detected = await findDetectedSchema(db, organizationId, connectionId, schemaId);
    if (detected === undefined)
      throw new SyncError('NOT_FOUND', `Connection ${connectionId} has no schema "${schemaId}".`);
    const all = await listSchemaOverrides(db, organizationId, connectionId);
    const overrides = all.get(schemaId) ?? NO_OVERRIDES;
    const shown = applyOverrides(detected, overrides);
    const changed = await change({ source, detected, shown, overrides, db });
    await saveSchemaOverrides(db, organizationId, place, changed);
    await forgetCursors(db, organizationId, { connectionId, schemaIds: [schemaId] });
    await auditOverrides(db, context, place, { before: overrides, after: changed });
    return applyOverrides(detected, changed);
  });
}
