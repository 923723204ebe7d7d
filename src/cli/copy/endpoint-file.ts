import { resolve } from 'node:path';
import { readDefinition } from '../definition-file.ts';
import { readToEnd } from '../prompt.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * An end of a copy from a connection file; its name is not used.
 * @param folder that a relative `path` starts from, absolute; null where it is one of another machine
 * @throws `UsageError` naming what is missing
 */
export async function readEndpointFile(session: Session, file: string, folder: string | null): Promise<Endpoint> {
  const { type, configuration } = await readDefinition(file, {
    environment: session.environment,
    readStandardInput: () => readToEnd(session.input),
  });
  if (typeof type !== 'string') throw new UsageError(`${file} has no type, such as postgresql.`);
  if (typeof configuration !== 'object' || configuration === null)
    throw new UsageError(`${file} has no configuration: write the fields of the connection under it.`);
  const fields: Readonly<Record<string, unknown>> = { ...configuration };
  if (typeof fields.path !== 'string') return { kind: 'new', type, configuration: fields, path: null };
  const path = folder === null ? fields.path : resolve(folder, fields.path);
  return { kind: 'new', type, configuration: { ...fields, path }, path };
}
