import type { Choice, ChoiceList, ConnectorDefinition } from '../../connector-kit/index.ts';
import { isAbort, SyncError } from '../../core/index.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { type Configuration, openStored } from './configuration.ts';
import { requireConnection } from './connections.ts';
import { unmaskConfiguration } from './masking.ts';
import { openBase } from './trial.ts';
import { requireKnownType } from './types.ts';
import { withoutRoot } from './with-connector.ts';

/** Values that one field can have. */
export interface ParameterValues {
  /** True where others are taken, too. */
  readonly allowsCreation: boolean;
  readonly values: readonly Choice[];
}

/** A question for the values of a field, while a connection is filled in. */
export interface ParameterQuestion {
  readonly field: string;
  /** What is filled in so far. */
  readonly parameters: Configuration;
  /** Part of the values looked for, in any case; empty = all. */
  readonly query: string;
  /** Lay the parameters over what this connection has stored, so that secrets may be left out. */
  readonly connectionId: string | null;
}

const LIMIT_MS = 30_000;
/** More help nobody. */
const MAX_CHOICES = 1_000;

/**
 * The values of one field of a type, asked of the system with what is filled in.
 * @returns by field; this one only
 * @throws `NOT_FOUND` for an unknown type; `REQUEST_REFUSED` for a field without a list; what the system says
 */
export async function listTypeParameterValues(
  context: Context,
  type: string,
  question: ParameterQuestion,
): Promise<Readonly<Record<string, ParameterValues>>> {
  const definition = requireKnownType(context, type);
  const stored = await openBase(context, question.connectionId, type);
  const { choices = {} } = definition;
  // The field's name is the caller's: "constructor" names no list, though every object has one.
  const list = Object.hasOwn(choices, question.field) ? choices[question.field] : undefined;
  if (list === undefined) throw noList(definition, question.field);
  const filledIn = unmaskConfiguration(definition, question.parameters, stored.configuration);
  const given = { ...stored.configuration, ...filledIn };
  const { allowsCreation, values } = await ask(context, stored.organizationId, list, given);
  const sought = question.query.toLowerCase();
  return {
    [question.field]: { allowsCreation, values: values.filter(({ label }) => label.toLowerCase().includes(sought)) },
  };
}

/** The values of every field that has a list, with a connection's stored configuration; none of a shared one. @throws `NOT_FOUND` */
export async function listParameterValues(
  context: Context,
  id: string,
): Promise<Readonly<Record<string, ParameterValues>>> {
  const connection = await requireConnection(context, id);
  // What else lies on the system is the business of those who share it.
  if (connection.parentConnectionId !== null) return {};
  const { definition, configuration, organizationId } = await openStored(context, connection);
  const answers: [string, ParameterValues][] = [];
  // One after another: each opens sessions of its own.
  for (const [field, list] of Object.entries(definition.choices ?? {}))
    answers.push([field, await ask(context, organizationId, list, configuration)]);
  return Object.fromEntries(answers);
}

async function ask(
  context: Context,
  organizationId: string,
  list: ChoiceList,
  given: Configuration,
): Promise<ParameterValues> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const values = await withoutRoot(context.connectorContext(organizationId), (inside) =>
      list.list(given, inside, signal),
    );
    return { allowsCreation: list.allowsCreation, values: values.slice(0, MAX_CHOICES) };
  } catch (error) {
    if (!signal.aborted || !isAbort(error)) throw error;
    throw new SyncError(
      'CONN_UNREACHABLE',
      `The system did not list its values within ${LIMIT_MS / 1000} s. Check its address and whether it is up.`,
      { cause: error },
    );
  }
}

function noList(definition: ConnectorDefinition<unknown>, field: string): SyncError {
  const known = Object.keys(definition.choices ?? {});
  const advice = known.length === 0 ? 'no field of the type has one' : `those that have one are ${known.join(', ')}`;
  return refuseField('field', `there is no list of values for "${field}" of type ${definition.type}; ${advice}`);
}
