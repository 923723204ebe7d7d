import type { LogicalType } from '../core/index.ts';

/** A value's text as the JSON value of a sample; undefined type = as it is. Numbers that JavaScript would round stay text. */
export function toSampleValue(text: string | null, type: LogicalType | undefined): unknown {
  if (text === null) return null;
  switch (type?.kind) {
    case 'boolean':
      return text === 't' || text === 'true';
    case 'integer':
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case 'float':
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case 'json':
      return parseJson(text);
    default:
      return text;
  }
}

/** Systems keep what is no JSON to others: any text that PostgreSQL's `json` takes, `[NaN]` that DuckDB's does. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
