import type { ModelTargetCatalogue, ModelTargetField, ModelTargetMode } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { ConnectionRecord } from '../../store/index.ts';
import { definitionOf } from '../connections/configuration.ts';
import { requireConnection } from '../connections/connections.ts';
import { withConnector } from '../connections/with-connector.ts';
import type { Context } from '../context.ts';

/** An object that a model sync could write, and how. */
export interface TargetObject {
  readonly id: string;
  readonly name: string;
  readonly modes: readonly ModelTargetMode[];
}

/** One property asked for when a target is created. */
export interface CreationProperty {
  readonly id: string;
  readonly title: string;
  /** True when its values can be listed. */
  readonly isEnum: boolean;
  readonly values: readonly { readonly label: string; readonly value: string }[];
}

/** The objects that a model sync could write, asked from the system now. */
export interface TargetObjects {
  readonly objects: readonly TargetObject[];
  /** Null where targets cannot be created. */
  readonly creation: readonly CreationProperty[] | null;
}

/** Listing tables is quick; a system that hangs must not hold a request. */
const TARGET_LIMIT_MS = 30_000;

/** @throws `NOT_FOUND`, `FEATURE_NOT_SUPPORTED`, and what the system says */
export function listTargetObjects(context: Context, connectionId: string): Promise<TargetObjects> {
  return withTarget(context, connectionId, async (target, modes, signal) => {
    const objects = await target.listObjects(signal);
    const creation = await readCreation(target, signal);
    return {
      objects: objects.map((object) => ({ ...object, modes })),
      creation: creation.length === 0 ? null : creation,
    };
  });
}

/** One property with its values. @throws `NOT_FOUND`, `FEATURE_NOT_SUPPORTED` where targets cannot be created */
export function getCreationProperty(
  context: Context,
  connectionId: string,
  propertyId: string,
): Promise<CreationProperty> {
  return withTarget(context, connectionId, async (target, _modes, signal) => {
    const properties = await readCreation(target, signal);
    const property = properties.find(({ id }) => id === propertyId);
    if (property !== undefined) return property;
    throw new SyncError(
      'NOT_FOUND',
      `Targets of this connection have no creation property "${propertyId}"; there are ${properties.map(({ id }) => id).join(', ') || 'none'}.`,
    );
  });
}

/** One object that a model sync could write, with its fields, as its system describes it now. */
export interface TargetFields {
  readonly id: string;
  readonly fields: readonly ModelTargetField[];
  readonly modes: readonly ModelTargetMode[];
  /** True where other objects can be made beside it. */
  readonly canCreate: boolean;
  readonly readAt: Date;
}

/** @throws `NOT_FOUND` for an unknown object, too; `FEATURE_NOT_SUPPORTED`, and what the system says */
export function getTargetFields(context: Context, connectionId: string, objectId: string): Promise<TargetFields> {
  return withTarget(context, connectionId, async (target, modes, signal) => {
    const fields = await target.describeFields(objectId, signal);
    if (fields === null)
      throw new SyncError(
        'NOT_FOUND',
        `There is no target "${objectId}" that this connection could write. Write it as the list of targets does.`,
      );
    const canCreate = (await readCreation(target, signal)).length > 0;
    return { id: objectId, fields, modes, canCreate, readAt: context.clock() };
  });
}

async function readCreation(target: ModelTargetCatalogue, signal: AbortSignal): Promise<CreationProperty[]> {
  const properties = await target.creationProperties(signal);
  return properties.map(({ id, title, values }) => ({ id, title, isEnum: values !== undefined, values: values ?? [] }));
}

async function withTarget<T>(
  context: Context,
  connectionId: string,
  work: (target: ModelTargetCatalogue, modes: readonly ModelTargetMode[], signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const connection = await requireConnection(context, connectionId);
  const modes = definitionOf(context, connection).capabilities.target?.modes;
  if (modes === undefined) throw notSupported(connection);
  return withConnector(context, connection, async ({ target }) => {
    if (target === undefined) throw notSupported(connection);
    return work(target, modes, AbortSignal.timeout(TARGET_LIMIT_MS));
  });
}

function notSupported(connection: ConnectionRecord): SyncError {
  return new SyncError(
    'FEATURE_NOT_SUPPORTED',
    `Connection "${connection.name}" cannot be the target of a model sync.`,
  );
}
