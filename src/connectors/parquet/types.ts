import { codecOf } from '../../connector-kit/duckdb/index.ts';
import type { LogicalType } from '../../core/index.ts';

/** DuckDB types that come back from Parquet as another type or value, tried with DuckDB 1.5. */
const LOST = /^(U?HUGEINT|TIME WITH TIME ZONE|INTERVAL|BIT|ENUM\b.*)$/;

/** How a column is kept in Parquet files. */
export interface Storage {
  /** DuckDB's name of the column's type in the file. */
  readonly type: string;
  /** True where the source's values are no text and the file's are. */
  readonly isText: boolean;
  /** SQL of the stored value, from a value as DuckDB's tables would hold it. */
  readonly toStored: (value: string) => string;
  /** SQL of that value, from the stored one. */
  readonly fromStored: (stored: string) => string;
}

/** Types as in DuckDB's own tables, except those that Parquet does not bring back: they are kept as DuckDB's text. */
export function storageOf(logicalType: LogicalType): Storage {
  const { type } = codecOf(logicalType);
  if (!LOST.test(type)) {
    const isText = type === 'VARCHAR' && logicalType.kind !== 'text';
    return { type, isText, toStored: asIs, fromStored: asIs };
  }
  return {
    type: 'VARCHAR',
    isText: true,
    toStored: (value) => `CAST(${value} AS VARCHAR)`,
    fromStored: (stored) => `CAST(${stored} AS ${type})`,
  };
}

function asIs(sql: string): string {
  return sql;
}
