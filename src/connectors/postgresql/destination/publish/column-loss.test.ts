import { beforeEach, describe, expect, it } from 'vitest';
import { useCopies } from '../../../../../tests/setup/postgresql-copies.ts';
import type { Copy } from '../../../../../tests/setup/postgresql-loads.ts';

/** Enough for a column to be looked at. */
const MANY = 4_000;

const copies = useCopies(
  'public.people',
  `CREATE TABLE people (id int PRIMARY KEY, email text, locked_by text, changed_at timestamptz);
   INSERT INTO people SELECT i, 'e' || i, CASE WHEN i <= 100 THEN 'me' END, '2024-01-01Z' FROM generate_series(1, ${MANY}) i`,
);
const { source, destination } = copies;
const copy = (plan: Copy['plan'] = {}, more: Partial<Copy> = {}) => copies.copy({ maxLossPercent: 50, ...more, plan });

const stored = () => destination.sql('SELECT id, email, locked_by FROM people ORDER BY id');

const stopped = (part: object) => ({ code: 'LOSS_GUARD', detail: { maxLossPercent: 50, ...part } });

beforeEach(async () => {
  await copy({}, { maxLossPercent: 100 });
});

describe.each([
  ['a replacement', { kind: 'replace' }],
  ['a replacement that keeps tombstones', { kind: 'replace', tombstones: true }],
  ['a replacement in place', { kind: 'replace', replacement: 'in_place' }],
  ['a rebuild', { kind: 'replace', replacement: 'rebuild' }],
  ['a merge', { kind: 'merge', tombstones: true }],
] as const)('%s', (_, plan) => {
  it('is stopped when a column would lose most of its values, which it names', async () => {
    const before = await stored();
    await source.sql(`UPDATE people SET email = NULL WHERE id > 1000`);
    await expect(copy(plan)).rejects.toMatchObject(stopped({ column: 'email', before: MANY, after: 1000 }));
    expect(await stored()).toEqual(before);
    expect((await copy(plan, { maxLossPercent: 75 })).counts).toMatchObject({ rejects: [] });
  });

  it('is let through at the limit, and where a sparse column is emptied', async () => {
    await source.sql(`UPDATE people SET locked_by = NULL, email = CASE WHEN id > 2000 THEN email END`);
    await copy(plan);
    expect(await destination.sql('SELECT count(email), count(locked_by) FROM people')).toEqual([['2000', '0']]);
  });

  it('counts values that go together with their records', async () => {
    await source.sql('DELETE FROM people WHERE id > 2500');
    await source.sql('UPDATE people SET email = NULL WHERE id > 1500');
    await expect(copy(plan)).rejects.toMatchObject(stopped({ column: 'email', before: MANY, after: 1500 }));
  });
});

describe('a delta', () => {
  const from = { version: 1, field: 'changed_at', kind: 'timestamptz', value: '2024-06-01T00:00:00Z' };
  const delta = (more: Partial<Copy> = {}) => copy({ kind: 'delta', tombstones: true }, { from, ...more });

  it('is stopped when it would empty most of a column', async () => {
    await source.sql(`UPDATE people SET email = NULL, changed_at = '2024-07-01Z' WHERE id > 1500`);
    await expect(delta()).rejects.toMatchObject(stopped({ column: 'email', before: MANY, after: 1500 }));
    await delta({ maxLossPercent: 63 });
    expect(await destination.sql('SELECT count(email) FROM people')).toEqual([['1500']]);
  });

  it('is let through when it empties less', async () => {
    await source.sql(`UPDATE people SET email = NULL, changed_at = '2024-07-01Z' WHERE id > 2000`);
    await delta();
    expect(await destination.sql('SELECT count(email) FROM people')).toEqual([['2000']]);
  });
});

it('looks at no column of a small table', async () => {
  await source.sql('DELETE FROM people WHERE id > 900');
  await copy({}, { maxLossPercent: 100 });
  await source.sql('UPDATE people SET email = NULL');
  await copy();
  expect(await destination.sql('SELECT count(*), count(email) FROM people')).toEqual([['900', '0']]);
});
