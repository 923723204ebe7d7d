import { keyColumns, quoteName } from '../../../connector-kit/duckdb/index.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { CatalogueTable } from './catalogue.ts';
import { commonType } from './type-fit.ts';

/** SQL that is true for the same record in work table `s` and live table `l`, whose key may have another type. */
export function sameRecord(plan: LoadPlan, live: CatalogueTable): string {
  return keyColumns(plan)
    .map(({ name, type }) => {
      const isAlike = commonType(live.typeOf(name) ?? type, type) !== null;
      const as = isAlike ? '' : '::VARCHAR';
      return `s.${quoteName(name)}${as} = l.${quoteName(name)}${as}`;
    })
    .join(' AND ');
}
