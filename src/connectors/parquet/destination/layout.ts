import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { LoadPlan, TableName } from '../../../connector-kit/index.ts';
import type { PartFormat } from './part-format.ts';

/** Name of the link to the files that readers shall read. */
const CURRENT = 'current';

/** Folder of our own records in the connection's folder and in every table's. Tools skip names that begin with a dot. */
export const STATE_FOLDER = '.millrace';

/** Where one table is kept. */
export interface TablePlace {
  /** The connection's folder. */
  readonly root: string;
  readonly folder: string;
  /** Link in it to the generation that is published. */
  readonly current: string;
  /** Generations and our own records. */
  readonly state: string;
}

/** One generation of a table's files. */
export interface GenerationPlace {
  /** The folder's own name; begins the names of its files, so that no two generations have a file name in common. */
  readonly name: string;
  readonly folder: string;
  /** What is known of its segments while it is being loaded. */
  readonly loading: string;
}

/** The database file that is locked while the folder is written. */
export function workFileOf(root: string): string {
  return join(root, STATE_FOLDER, 'work.duckdb');
}

/** The table's folder; a schema is a folder around it. */
export function placeOf(root: string, { schema, name }: TableName): TablePlace {
  const folder = join(root, ...(schema === '' ? [] : [toFolderName(schema)]), toFolderName(name));
  return { root, folder, current: join(folder, CURRENT), state: join(folder, STATE_FOLDER) };
}

/** The folder of the plan's generation. */
export function generationOf(place: TablePlace, plan: LoadPlan): GenerationPlace {
  const name = `g${plan.generation}-${ownerHash(plan)}`;
  return { name, folder: join(place.state, name), loading: join(place.state, `${name}.loading`) };
}

/** The parts of a generation folder's name, or null where it is none. */
export function parseGeneration(
  entry: string,
): { readonly name: string; readonly generation: number; readonly hash: string; readonly isLoading: boolean } | null {
  const match = /^(g(\d+)-([0-9a-f]{8}))(\.loading)?$/.exec(entry);
  if (match === null) return null;
  return {
    name: match[1] ?? '',
    generation: Number(match[2]),
    hash: match[3] ?? '',
    isLoading: match[4] !== undefined,
  };
}

/** Tells generations of two owners apart, who count for themselves. */
export function ownerHash({ syncId, schemaId }: { readonly syncId: string; readonly schemaId: string }): string {
  return createHash('sha256').update(`${syncId}\0${schemaId}`).digest('hex').slice(0, 8);
}

/** Name of a segment's file. */
export function partName(
  generation: GenerationPlace,
  segment: { readonly no: number; readonly token: number },
  format: PartFormat,
): string {
  return `${generation.name}-${String(segment.no).padStart(5, '0')}-${segment.token}.${format}`;
}

/**
 * A name as one folder's name. Escaped as in URLs is what would leave the folder, hide it, be a pattern to a reader, or
 * read like `key=value`, which many tools take for a column.
 */
function toFolderName(name: string): string {
  return name.replace(/^\.|[. ]$|[%/\\=:*?"<>|[\]{}]|\p{Cc}/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
