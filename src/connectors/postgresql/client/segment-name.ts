import type { SegmentId } from '../../../connector-kit/index.ts';
import { quoteText } from '../sql.ts';

/**
 * The statement by which a session says in the server's list, until its transaction or savepoint ends, which attempt at
 * which segment it works on: behind its own name `12/3` is the third attempt at segment 12.
 * @param name the session's own, at most 45 bytes: the server cuts off what is beyond 63
 */
export function toSegmentName(name: string, { no, token }: SegmentId): string {
  return `SET LOCAL application_name = ${quoteText(`${name} ${no}/${token}`)}`;
}
