import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Environment } from '../runtime/index.ts';
import { UsageError } from './usage-error.ts';

/** How a file option is explained. */
export const FILE_HELP = `YAML or JSON with the fields of the API, "-" for standard input; \${NAME} is taken from the environment`;

/** What a definition file may take its text from. */
export interface FileSources {
  readonly environment: Environment;
  /** Reads standard input to its end, for the file name `-`. */
  readonly readStandardInput: () => Promise<string>;
}

/**
 * One YAML (or JSON) document as an object, `${NAME}` in its strings replaced from the environment, so that a password
 * stands in neither the file nor the arguments. `$${` is a literal `${`. Replacing happens after parsing: no value can
 * change the document's structure.
 * @throws `UsageError` naming the file and the place or the variable
 */
export async function readDefinition(file: string, sources: FileSources): Promise<Record<string, unknown>> {
  const text = await readText(file, sources);
  const document = parseYaml(file, text);
  if (!isObject(document)) throw new UsageError(`${nameOf(file)} holds no definition: write the API's fields in YAML.`);
  // An object stays an object under replacement.
  return replace(document, sources.environment, file) as Record<string, unknown>;
}

async function readText(file: string, sources: FileSources): Promise<string> {
  if (file === '-') return sources.readStandardInput();
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`Could not read ${file} (${reason}).`);
  }
}

function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text, { prettyErrors: true });
  } catch (error) {
    // The parser appends the source lines, which may hold a secret; the first line says where.
    const [reason = 'unknown'] = String(error instanceof Error ? error.message : error).split('\n');
    throw new UsageError(`${nameOf(file)} is not YAML: ${reason.replace(/:$/, '')}.`);
  }
}

function replace(value: unknown, environment: Environment, file: string): unknown {
  if (typeof value === 'string') return replaceText(value, environment, file);
  if (Array.isArray(value)) return value.map((item) => replace(item, environment, file));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replace(item, environment, file)]));
}

function replaceText(text: string, environment: Environment, file: string): string {
  return text.replace(/\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (match, name: string | undefined) => {
    if (name === undefined) return match.slice(1);
    const value = environment[name];
    if (value === undefined)
      throw new UsageError(`${nameOf(file)} asks for \${${name}}, which is not set in the environment.`);
    return value;
  });
}

function nameOf(file: string): string {
  return file === '-' ? 'Standard input' : file;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
