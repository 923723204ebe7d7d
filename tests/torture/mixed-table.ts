import fc from 'fast-check';
import type pg from 'pg';
import { pickSome } from '../setup/random/random-syncs.ts';
import { RANDOM_TYPES, USER_TYPES } from '../setup/random/random-types.ts';
import { refusedByDuckdb } from '../setup/random/type-texts.ts';
import type { Random } from './random.ts';
import type { TortureTable } from './source-tables.ts';

/** Values of a column that the seed has drawn; records take them in turn. */
const POOL = 12;

/** A change of the table's definition in the middle of everything. */
export interface Ddl {
  /** As a share of the execution's usual time. */
  readonly at: number;
  readonly kind: 'add' | 'drop' | 'widen';
  readonly seed: number;
}

interface MixedColumn {
  readonly name: string;
  readonly type: string;
  readonly pool: readonly (string | null)[];
}

/** A table whose columns are of random types, with or without a key. Its definition may change while the source lives. */
export class MixedTable implements TortureTable {
  readonly name = 'mixed';
  readonly key: readonly string[];
  readonly sequenceColumn = 'id';
  readonly trackingField = 'updated_at';
  readonly share: number;
  readonly columns: Record<string, TortureTable['columns'][string]> = {
    id: 'text',
    n: 'text',
    amount: 'text',
    note: 'text',
    updated_at: 'time',
  };
  readonly #drawn: MixedColumn[];
  #added = 0;

  constructor(random: Random) {
    this.key = random.chance(0.7) ? ['id'] : [];
    this.share = random.pick([0.002, 0.02, 0.1]);
    const types = pickSome(random, RANDOM_TYPES, random.between(1, 8));
    this.#drawn = types.map(({ type, values }, index) => ({
      name: `some_${letterOf(index)}`,
      type,
      pool: draw(random, values),
    }));
    for (const { name, type } of this.#drawn) this.columns[name] = { type };
  }

  get create(): string {
    const columns = this.#drawn.map(({ name, type }) => `, ${name} ${type}`).join('');
    const key = this.key.length === 0 ? '' : `, PRIMARY KEY (${this.key.join(', ')})`;
    return `${USER_TYPES}; CREATE TABLE mixed (id bigint NOT NULL, n int NOT NULL, amount bigint NOT NULL, note text, updated_at timestamptz${columns}${key})`;
  }

  get fill(): string {
    const values = this.#drawn.map(({ type, pool }, index) => {
      const elements = pool.map((value) => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`)).join(', ');
      return `, (ARRAY[${elements}]::text[])[1 + (i * ${index + 1}) % ${POOL}]::${type}`;
    });
    return `INSERT INTO mixed SELECT i, (i * 7919) % 1000000, CASE WHEN i % 2 = 1 THEN (i * 37) % 1000 ELSE -(((i - 1) * 37) % 1000) END,
      'note ' || i, timestamptz '2024-01-01 00:00+00' + i * interval '1 s'${values.join('')} FROM generate_series(1, $1::int) i`;
  }

  /** What DuckDB refuses is tested elsewhere. */
  async clean(client: pg.Client): Promise<void> {
    for (const { name, type } of this.#drawn) {
      const refused = refusedByDuckdb(name, type);
      if (refused !== 'false') await client.query(`UPDATE mixed SET ${name} = NULL WHERE ${refused}`);
    }
  }

  /** Carries out a change, when nobody is in the way. @returns what was done, in words; null: nothing */
  async change(client: pg.Client, { kind, seed }: Ddl): Promise<string | null> {
    if (kind === 'widen') {
      await client.query('ALTER TABLE mixed ALTER n TYPE bigint');
      return 'n became a bigint';
    }
    if (kind === 'add') {
      const type = RANDOM_TYPES[seed % RANDOM_TYPES.length]?.type ?? 'text';
      const name = `later_${letterOf(this.#added++)}`;
      await client.query(`ALTER TABLE mixed ADD COLUMN ${name} ${type}`);
      this.columns[name] = { type };
      return `${name} ${type} was added`;
    }
    const name = Object.keys(this.columns).filter((column) => /^(some|later)_/.test(column))[0];
    if (name === undefined) return null;
    await client.query(`ALTER TABLE mixed DROP COLUMN ${name}`);
    delete this.columns[name];
    return `${name} was dropped`;
  }
}

/** Names with digits become others in the destination. */
const letterOf = (index: number): string => String.fromCharCode(97 + index);

function draw(random: Random, values: fc.Arbitrary<string>): (string | null)[] {
  const seed = random.between(0, 2 ** 31 - 1);
  const sample = fc.sample(values, { numRuns: POOL, seed });
  return sample.map((value, index) => (index % 5 === 4 ? null : value));
}
