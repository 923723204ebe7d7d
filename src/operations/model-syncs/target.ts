import type { ModelTargetCatalogue, ModelTargetField, ModelTargetMode } from '../../connector-kit/index.ts';
import { findNameFault } from '../../core/index.ts';
import { type ConnectionRecord, findConnection } from '../../store/index.ts';
import { checkConfiguration } from '../bulk-syncs/configuration.ts';
import { definitionOf } from '../connections/configuration.ts';
import { withConnector } from '../connections/with-connector.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import type { ModelSyncInput } from './input.ts';

/** The target of a checked sync. */
export interface OpenTarget {
  /** Its id, also while it is to be made. */
  readonly objectId: string;
  readonly mode: ModelTargetMode;
  /** Null while it is to be made: then every field is one that it will have. */
  readonly fields: readonly ModelTargetField[] | null;
}

/** A system that hangs must not hold a request. */
const TARGET_LIMIT_MS = 30_000;

/**
 * Asks the target's system, now, whether the sync could write there.
 * @param created what the stored sync is to make, which may have been made since; null for a new sync
 * @throws `REQUEST_REFUSED` naming the field; `FORBIDDEN`; what the system says
 */
export async function checkTarget(
  context: Context,
  { mode: modeId, target }: ModelSyncInput,
  created: Readonly<Record<string, string>> | null,
): Promise<OpenTarget> {
  const connection = await requireTargetConnection(context, target.connectionId);
  const definition = definitionOf(context, connection);
  const modes = definition.capabilities.target?.modes;
  if (modes === undefined) throw cannotBeTarget(connection);
  const mode = modes.find(({ id }) => id === modeId);
  if (mode === undefined)
    throw refuseField('mode', `this target offers ${modes.map(({ id }) => id).join(', ')} and not "${modeId}"`);
  checkConfiguration(target.configuration ?? {}, {}, 'target.configuration');
  if ((target.object === null) === (target.create === null)) {
    throw refuseField('target', 'name either `object`, which is there, or what to `create`, and not both');
  }
  return withConnector(context, connection, async ({ target: catalogue }) => {
    if (catalogue === undefined) throw cannotBeTarget(connection);
    const signal = AbortSignal.timeout(TARGET_LIMIT_MS);
    if (target.object !== null)
      return { objectId: target.object, mode, fields: await requireObject(catalogue, target.object, signal) };
    const maxBytes = definition.capabilities.destination?.maxNameBytes ?? null;
    const objectId = await checkCreation(catalogue, target.create ?? {}, { maxBytes, created }, signal);
    return { objectId, mode, fields: null };
  });
}

/** A field of the target; undefined where the target is to be made. @throws `REQUEST_REFUSED` */
export function requireTargetField({ fields }: OpenTarget, id: string, place: string): ModelTargetField | undefined {
  if (fields === null) return undefined;
  const field = fields.find((one) => one.id === id);
  if (field === undefined) throw refuseField(place, `the target has no field "${id}"`);
  return field;
}

async function requireTargetConnection(context: Context, id: string): Promise<ConnectionRecord> {
  const connection = await findConnection(context.store.db, context.caller.organizationId, id);
  if (connection === undefined) throw refuseField('target.connection_id', `there is no connection ${id}`);
  await authorize(context, 'sync_to', { kind: 'connection', policies: connection.policies });
  return connection;
}

function cannotBeTarget({ name, type }: ConnectionRecord) {
  return refuseField('target.connection_id', `the connection "${name}" (${type}) cannot be the target of a model sync`);
}

async function requireObject(
  catalogue: ModelTargetCatalogue,
  id: string,
  signal: AbortSignal,
): Promise<readonly ModelTargetField[]> {
  const fields = await catalogue.describeFields(id, signal);
  if (fields !== null) return fields;
  throw refuseField('target.object', `there is no "${id}" that could be written; write it as the list of targets does`);
}

async function checkCreation(
  catalogue: ModelTargetCatalogue,
  given: Readonly<Record<string, string>>,
  {
    maxBytes,
    created,
  }: { readonly maxBytes: number | null; readonly created: Readonly<Record<string, string>> | null },
  signal: AbortSignal,
): Promise<string> {
  const properties = await catalogue.creationProperties(signal);
  if (properties.length === 0) throw refuseField('target.create', 'this connection cannot make targets');
  const unknown = Object.keys(given).find((key) => properties.every(({ id }) => id !== key));
  if (unknown !== undefined)
    throw refuseField(
      `target.create.${unknown}`,
      `not known here; known are ${properties.map(({ id }) => id).join(', ')}`,
    );
  for (const { id, values } of properties) {
    const place = `target.create.${id}`;
    const value = given[id];
    if (value === undefined) throw refuseField(place, 'it is required');
    if (values?.every((one) => one.value !== value))
      throw refuseField(
        place,
        `"${value}" is none of its values; ask for them at …/modelsync/targetobjects/properties/${id}`,
      );
    const fault = findNameFault(value, { maxBytes });
    if (fault !== null) throw refuseField(place, fault);
  }
  const id = catalogue.toObjectId(given);
  if (created !== null && isSame(created, given)) return id;
  if ((await catalogue.describeFields(id, signal)) === null) return id;
  throw refuseField('target.create', `"${id}" is there already; name it as \`target.object\``);
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const text = (values: Readonly<Record<string, string>>): string => JSON.stringify(Object.entries(values).sort());
  return text(one) === text(other);
}
