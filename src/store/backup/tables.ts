import type { Migration } from '../migrate.ts';

/** Tables that migrations make, each behind those which it refers to. */
export function listOwnTables(migrations: readonly Migration[]): readonly string[] {
  return find(migrations, /^CREATE TABLE (\w+)/gm);
}

/** Functions that migrations make. */
export function listOwnFunctions(migrations: readonly Migration[]): readonly string[] {
  return find(migrations, /^CREATE FUNCTION (\w+)/gm);
}

function find(migrations: readonly Migration[], pattern: RegExp): string[] {
  return migrations.flatMap(({ sql }) => [...sql.matchAll(pattern)].map(([, name = '']) => name));
}
