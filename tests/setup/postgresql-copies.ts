import { afterAll, beforeAll, beforeEach } from 'vitest';
import { lateBound } from './late-bound.ts';
import { type Copied, type Copy, copySchema, openSide, type Side } from './postgresql-loads.ts';

/** Two databases. */
export interface Sides {
  readonly source: Side;
  readonly destination: Side;
}

/** Two databases, and copies of a schema from one into the other. */
export interface Copies extends Sides {
  /** Copies the schema in a new generation; `given` lies over what all copies of the file have. */
  copy(given?: Partial<Copy>): Promise<Copied>;
}

/** Databases for all tests of the file, once filled by `sql`. */
export function useSides(sql = ''): Sides {
  let sides: readonly [Side, Side] | undefined;
  beforeAll(async () => {
    sides = [await openSide(), await openSide()];
    if (sql !== '') await sides[0].sql(sql);
  });
  afterAll(async () => {
    for (const side of sides ?? []) await side[Symbol.asyncDispose]();
  });
  return { source: lateBound(() => sides?.[0]), destination: lateBound(() => sides?.[1]) };
}

/** Databases for all tests of the file. Before each one both are empty, and `sql` fills the source. */
export function useCopies(schemaId: string, sql: string, plan: Copy['plan'] = {}): Copies {
  const { source, destination } = useSides();
  let generation = 0;
  beforeEach(async () => {
    for (const side of [source, destination]) await side.sql('DROP SCHEMA public CASCADE');
    for (const side of [source, destination]) await side.sql('CREATE SCHEMA public');
    await destination.sql('DROP SCHEMA IF EXISTS __millrace CASCADE');
    await source.sql(sql);
  });
  return {
    source,
    destination,
    copy(given = {}) {
      generation += 1;
      const [from, to] = [source.connector, destination.connector];
      return copySchema({
        source: from,
        destination: to,
        schemaId,
        ...given,
        plan: { generation, ...plan, ...given.plan },
      });
    },
  };
}

/** A hundred people with a key. */
export const PEOPLE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, balance numeric, changed timestamptz);
  INSERT INTO people SELECT i, 'name ' || i, i / 10.0, '2026-01-01'::timestamptz + i * interval '1 hour' FROM generate_series(1, 100) i`;
