import { quoteName, quoteText } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { holdsType } from '../type-fit.ts';
import type { PublishScene } from './scene.ts';

/** What a publication has to do with which record: `no` from 1, `op`, `place` in the live table, place in the `stage`. */
export const DIFF = 'pg_temp.__millrace_diff';

/** Counts of a diff. `live` is only asked for when records would be lost. `last` is the highest `no`. */
export interface DiffCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly staged: number;
  readonly live: number;
  readonly last: number;
}

/** Statements that insert and update the records of a diff, for a range of `no`. */
export interface ApplyStatements {
  readonly update: string;
  readonly insert: string;
}

/** Updates come first, so that a value that one record gives up is free for a new one. */
export function toApplyStatements({ plan, names }: PublishScene, live: LiveTable): ApplyStatements {
  const stamp = `${quoteText(plan.stampedAt)}::timestamptz`;
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  const sets = [
    ...names.columns.map((column) => `${column} = s.${column}`),
    ...(names.updatedAt === null ? [] : [`${names.updatedAt} = ${stamp}`]),
    ...(live.columns.has(deletedAt) ? [`${quoteName(deletedAt)} = NULL`] : []),
  ];
  const stamps = [names.createdAt, names.updatedAt].filter((column) => column !== null);
  const into = [...names.columns, ...stamps].join(', ');
  const values = [...names.columns.map((column) => `s.${column}`), ...stamps.map(() => stamp)].join(', ');
  const source = `${DIFF} d JOIN ${names.scratch} s ON s.ctid = d.stage`;
  return {
    update: `UPDATE ONLY ${names.live} l SET ${sets.join(', ')} FROM ${source} WHERE l.ctid = d.place AND d.op = 'u'`,
    insert: `INSERT INTO ${names.live} (${into}) SELECT ${values} FROM ${source} WHERE d.op = 'i'`,
  };
}

/**
 * Records are compared byte by byte: equality would call 1.0 and 1.00, or a month and thirty days, the same, and has
 * no meaning for some types. Where the live column is wider, the stage's values are compared in its type; where an
 * adopted one is narrower, both by their text; `live` is null where both sides have the live columns' types.
 */
export function toImage(plan: PublishScene['plan'], live: LiveTable | null, alias: 'l' | 's' | 'excluded'): string {
  const columns = plan.columns.map(({ name, type }) => {
    const column = `${alias}.${quoteName(name)}`;
    const liveType = live?.columns.get(name) ?? type;
    if (liveType === type) return column;
    if (!holdsType(liveType, type)) return `${column}::text`;
    return alias === 's' ? `${column}::${liveType}` : column;
  });
  return `ROW(${columns.join(', ')})::record`;
}
