import type { Client } from '../contract/index.ts';
import { readDefinition } from './definition-file.ts';
import { askSecret, readToEnd } from './prompt.ts';
import type { Session } from './session.ts';
import { UsageError } from './usage-error.ts';

/** What a connection file holds, secrets filled in; fields that we do not know are left to the server. */
export interface ConnectionDefinition {
  readonly name: string;
  readonly type: string;
  readonly configuration: Readonly<Record<string, unknown>>;
}

export interface ConnectionFileOptions {
  readonly file: string;
  /** Field of the configuration whose value is standard input. */
  readonly secretStdin?: string;
}

/**
 * Reads a connection's definition and gets the secrets that it leaves out: from standard input where the caller said
 * so, else from the person at the terminal, without echo.
 * @throws `UsageError` naming what is missing
 */
export async function readConnectionFile(
  session: Session,
  client: Client,
  { file, secretStdin }: ConnectionFileOptions,
): Promise<ConnectionDefinition> {
  if (file === '-' && secretStdin !== undefined) {
    throw new UsageError('Standard input cannot hold both the definition and a secret: put one of them into a file.');
  }
  const document = await readDefinition(file, {
    environment: session.environment,
    readStandardInput: () => readToEnd(session.input),
  });
  const definition = checkDefinition(document, file);
  const given = secretStdin === undefined ? {} : { [secretStdin]: await readToEnd(session.input) };
  const configuration = { ...definition.configuration, ...given };
  const asked = await askMissing(session, client, { ...definition, configuration });
  return { ...definition, configuration: { ...configuration, ...asked } };
}

function checkDefinition(document: Record<string, unknown>, file: string): ConnectionDefinition {
  const { name, type, configuration } = document;
  if (typeof name !== 'string') throw new UsageError(`${file} has no name: give the connection one.`);
  if (typeof type !== 'string') throw new UsageError(`${file} has no type, such as postgresql.`);
  if (!isObject(configuration))
    throw new UsageError(`${file} has no configuration: write the fields of the connection under it.`);
  return { ...document, name, type, configuration };
}

/** Asks only a person at a terminal; elsewhere the server names what is missing. */
async function askMissing(
  session: Session,
  client: Client,
  definition: ConnectionDefinition,
): Promise<Record<string, string>> {
  if (session.input.isTTY !== true) return {};
  const schema = await client.getConnectionTypeSchema(definition.type, session.signal);
  const answers: Record<string, string> = {};
  for (const field of requiredSecrets(schema)) {
    if (definition.configuration[field] !== undefined) continue;
    const answer = await askSecret(`${field} of "${definition.name}": `, session.input, session.err);
    if (answer === null) throw new UsageError(`No ${field} was given; nothing was sent.`);
    answers[field] = answer;
  }
  return answers;
}

/** Fields that a connection type's JSON Schema both demands and marks as secret. */
function requiredSecrets(schema: Readonly<Record<string, unknown>>): string[] {
  const { properties, required } = schema;
  if (!isObject(properties) || !Array.isArray(required)) return [];
  return Object.entries(properties)
    .filter(([name, property]) => required.includes(name) && isObject(property) && property.format === 'password')
    .map(([name]) => name);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
