// One text for one value, whichever system prints it: what a test compares both ends by.

/** The value as text, in SQL of PostgreSQL, of a value that shall go to DuckDB. `column` is quoted. */
export function toSourceText(column: string, type: string): string {
  if (type.endsWith('[]') || type === '"Postal Address"') return `to_json(${column})::text`;
  if (type === 'bytea') return `encode(${column}, 'hex')`;
  if (type === 'money') return `${column}::numeric(23,4)::text`;
  return type === 'real' ? `${column}::float8::text` : `${column}::text`;
}

/** The same in SQL of the PostgreSQL that got it from DuckDB: arrays are JSON there, money is a decimal. */
export function toReturnedText(column: string, type: string): string {
  if (type === 'bytea') return `encode(${column}, 'hex')`;
  return type === 'real' ? `${column}::float8::text` : `${column}::text`;
}

/** The value as text, in SQL of DuckDB. */
export function toDuckdbText(column: string, type: string): string {
  if (type === 'bytea') return `lower(hex(${column}))`;
  // Its print of times with a zone is off by a millisecond behind the year 287396.
  if (type === 'timestamp with time zone')
    return `coalesce(make_timestamp(epoch_us(${column}))::VARCHAR || '+00', ${column}::VARCHAR)`;
  return type === 'real' ? `${column}::DOUBLE::VARCHAR` : `${column}::VARCHAR`;
}

/** A condition in SQL of PostgreSQL for what DuckDB's types lack: NaN in decimals, and the last years of a timestamp. */
export function refusedByDuckdb(column: string, type: string): string {
  if (/^numeric\((12|38|4|5),-?\d+\)$/.test(type)) return `${column} = 'NaN'`;
  if (!/^timestamp.*zone$/.test(type)) return 'false';
  const time = `${column}::timestamp`;
  return `${time} > '294247-01-10 04:00:54.775806' AND ${time} < 'infinity'`;
}

/** One form for what both systems print differently. */
export function normalizeText(value: unknown, type: string): unknown {
  if (typeof value !== 'string' || type.endsWith('[]')) return value;
  if (type === 'real' || type === 'double precision') return toNumber(value);
  if (/^(numeric|price$)/.test(type)) return value.replace(/^(-?)\./, '$10.');
  if (/^(date|timestamp.*)$/.test(type)) return value.replace(/^(.*) \(BC\)(.*)$/, '$1$2 BC');
  return value;
}

function toNumber(text: string): number {
  const word = text.toLowerCase().replace('infinity', 'inf');
  return { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }[word] ?? Number(text);
}
