import { z } from 'zod';
import { SyncError } from '../core/index.ts';

/** Parts of a position in a list; each is checked before it reaches the database. */
export const microsecondsSchema = z.string().regex(/^\d{1,17}$/);
export const rowIdSchema = z.guid();
export const counterSchema = z.int().min(0).max(2_147_483_647);

/** Filters and order of a list: a token is good for the list that gave it out and for no other. */
export type ListKey = Readonly<Record<string, string | number | boolean | null>>;

const tokenSchema = z.object({ list: z.string(), position: z.unknown() });

/** The opaque token of the page that begins behind `position`; nothing at the end of the list. */
export function toPagination(list: ListKey, position: object | null): { next_page_token?: string } {
  if (position === null) return {};
  const text = JSON.stringify({ list: keyText(list), position });
  return { next_page_token: Buffer.from(text, 'utf8').toString('base64url') };
}

/** The position that a token stands for; null without a token, which is the first page. @throws `REQUEST_MALFORMED` */
export function fromPageToken<T extends z.ZodType>(
  list: ListKey,
  token: string | undefined,
  position: T,
): z.output<T> | null {
  if (token === undefined || token === '') return null;
  const read = tokenSchema.safeParse(parseJson(Buffer.from(token, 'base64url').toString('utf8')));
  const found = read.success ? position.safeParse(read.data.position) : undefined;
  if (!read.success || !found?.success) throw malformed('is not one that this server gave out');
  if (read.data.list !== keyText(list)) throw malformed('belongs to a list with other filters');
  return found.data;
}

function keyText(list: ListKey): string {
  return JSON.stringify(Object.entries(list).sort());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function malformed(problem: string): SyncError {
  return new SyncError(
    'REQUEST_MALFORMED',
    `The query string does not fit: \`page_token\` ${problem}. Begin again without it.`,
    {
      detail: { fields: [{ field: 'page_token', problem }] },
    },
  );
}
