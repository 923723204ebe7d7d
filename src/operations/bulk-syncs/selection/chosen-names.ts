import {
  assignColumns,
  assignTables,
  findNameFault,
  type NameRule,
  nameKey,
  ownColumns,
  readDestinationOptions,
  type SchemaDescription,
  type SchemaToName,
} from '../../../core/index.ts';
import type { SelectedField } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import type { DestinationCapabilities } from '../checks.ts';
import type { SyncConfiguration } from '../input.ts';

/** How a sync's columns are named. */
export interface ColumnNaming {
  readonly rule: NameRule;
  readonly maxBytes: number | null;
  readonly distinguishesCase: boolean;
  readonly columnPrefix: string;
}

/** The naming of one sync into that destination. */
export function toColumnNaming(context: Context, rule: NameRule, destination: DestinationCapabilities): ColumnNaming {
  const { maxNameBytes, distinguishesCase } = destination;
  const { columnPrefix } = context.connectorContext(context.caller.organizationId);
  return { rule, maxBytes: maxNameBytes, distinguishesCase, columnPrefix };
}

/** @throws `REQUEST_REFUSED` for a name that no table of the destination can have */
export function refuseTableName(name: string, naming: ColumnNaming, place: string): void {
  const fault = findNameFault(name, { maxBytes: naming.maxBytes });
  if (fault !== null) throw refuseField(place, fault);
}

/**
 * Refuses chosen names that a column cannot have, and those that two selected fields would share: a name by the rule
 * would give way to a chosen one, and a column that was there would silently get another name.
 * @param placeOf the request's field that holds a field's chosen name
 */
export function refuseColumnNames(
  schema: SchemaDescription,
  selected: readonly SelectedField[],
  naming: ColumnNaming,
  placeOf: (fieldId: string) => string,
): void {
  const reserved = ownColumns(naming.columnPrefix);
  const owners = new Map<string, string>();
  const plain = selected.filter(({ userOutputName }) => userOutputName === null).map(({ id }) => id);
  const plainNames = assignColumns(
    schema.fields.filter(({ id }) => plain.includes(id)),
    null,
    naming,
  );
  for (const { id, enabled } of selected) {
    const name = plainNames.get(id);
    if (enabled && name !== undefined) owners.set(nameKey(name, naming.distinguishesCase), id);
  }
  for (const { id, userOutputName } of selected) {
    if (userOutputName === null) continue;
    const fault = findNameFault(userOutputName, { maxBytes: naming.maxBytes, reserved });
    if (fault !== null) throw refuseField(placeOf(id), fault, { schema: schema.id });
    const key = nameKey(userOutputName, naming.distinguishesCase);
    const owner = owners.get(key);
    if (owner !== undefined) {
      throw refuseField(
        placeOf(id),
        `"${userOutputName}" is the output name of "${owner}" of ${schema.id} already; choose another name`,
        { schema: schema.id, sharedWith: owner },
      );
    }
    owners.set(key, id);
  }
}

/**
 * Refuses a chosen table name that another enabled schema of the sync has already, by choice or by the rule.
 * @param placeOf the request's field that is to blame, of the schemas that share a name
 */
export function refuseTableNames(
  schemas: readonly SchemaToName[],
  destinationConfiguration: SyncConfiguration,
  naming: ColumnNaming & { readonly defaultSchema: string },
  placeOf: (schemaIds: readonly string[]) => string,
): void {
  const options = readDestinationOptions(destinationConfiguration);
  const named = assignTables(schemas, options, naming);
  const plain = schemas.filter(({ userOutputName }) => userOutputName === null);
  const plainNames = assignTables(plain, options, naming);
  for (const { schemaId, userOutputName } of schemas) {
    // A chosen name that was taken got an underscore; a plain one gave way to a chosen one.
    const wanted = userOutputName ?? plainNames.get(schemaId)?.name;
    const table = named.get(schemaId);
    if (table === undefined || wanted === undefined || table.name === wanted) continue;
    const key = nameKey(wanted, naming.distinguishesCase);
    const others = schemas.filter(
      (other) =>
        other.schemaId !== schemaId &&
        other.userOutputName !== null &&
        nameKey(other.userOutputName, naming.distinguishesCase) === key,
    );
    const both = [...others.map((other) => other.schemaId), schemaId];
    throw refuseField(
      placeOf(both),
      `${both.join(' and ')} would be written to one table "${wanted}"; choose another name`,
      { schema: schemaId },
    );
  }
}
