import type { SegmentId } from '../../../connector-kit/index.ts';
import { quoteText } from '../sql.ts';

/**
 * The statement by which a session says in the server's list, until its transaction or savepoint ends, what it works on: the
 * name of a table, or a pack.
 * @param name the session's own, 45 bytes: the server cuts off what is beyond 63
 */
export function toWorkName(name: string, work: string): string {
  return `SET LOCAL application_name = ${quoteText(`${name} ${work}`)}`;
}

/** The same for which attempt at which segment: behind its own name `12/3` is the third attempt at segment 12. */
export function toSegmentName(name: string, { no, token }: SegmentId): string {
  return toWorkName(name, `${no}/${token}`);
}
