import { quoteName, quoteText } from '../../connector-kit/sql/index.ts';
import type { FieldDescription } from '../../core/index.ts';

export { quoteName, quoteTable, quoteText } from '../../connector-kit/sql/index.ts';

/** The values of a source's field: as they are sent, and as filters ask about them. */
export function toColumn(field: Pick<FieldDescription, 'id' | 'userPath' | 'remoteType'>): string {
  const [holder, ...path] = field.userPath ?? [];
  return holder === undefined ? quoteName(field.id) : toUserColumn(holder, path, field.remoteType);
}

/** A value inside of JSON as its declared type; JSON's null and a missing key are NULL. */
function toUserColumn(holder: string, path: readonly string[], type: string): string {
  const json = `${quoteName(holder)}::jsonb`;
  const place = `ARRAY[${path.map(quoteText).join(', ')}]::text[]`;
  if (type === 'jsonb') return `nullif(${json} #> ${place}, 'null')`;
  return `(${json} #>> ${place})::${type}`;
}
