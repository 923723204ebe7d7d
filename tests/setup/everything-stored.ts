import { queryDatabase } from './databases.ts';

/** Of the metadata: what changes by itself while nobody asks for anything. */
const RESTLESS = ['workers', 'dbos.', 'worker_locks'];

/** Of the catalogue, without what VACUUM and ANALYZE note there. */
const CATALOGUE = [
  'SELECT oid, nspname, nspacl FROM pg_namespace',
  'SELECT oid, relname, relnamespace, relfilenode, relacl FROM pg_class',
  'SELECT attrelid, attnum, attname, atttypid, atttypmod, attnotnull FROM pg_attribute',
  'SELECT oid, conname, conrelid FROM pg_constraint',
];

/**
 * Every table of a database with the number and a hash of its records and their versions, and the catalogue: two answers
 * are equal when nothing was made, changed or removed between them, not even put back as it was.
 */
export async function readEverythingStored(url: string): Promise<ReadonlyMap<string, string>> {
  const tables = await queryDatabase(
    url,
    `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1`,
  );
  const names = tables.flat().map(String);
  const asked = names
    .filter((name) => !RESTLESS.some((part) => name.includes(part)))
    .map((name) => `SELECT t.ctid::text, t.xmin::text, t.* FROM ${name} t`);
  const stored = new Map<string, string>();
  for (const query of [...asked, ...CATALOGUE]) stored.set(query, await fingerprint(url, query));
  return stored;
}

async function fingerprint(url: string, query: string): Promise<string> {
  const rows = await queryDatabase(
    url,
    `SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, ',' ORDER BY r::text)), '') FROM (${query}) r`,
  );
  return String(rows[0]?.[0]);
}
