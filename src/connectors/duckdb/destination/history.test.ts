import { expect, it } from 'vitest';
import { NEVER, useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';
import { leaseFile, quoteTable } from '../../../connector-kit/duckdb/index.ts';
import { findTable } from './catalogue.ts';
import { countMissing } from './history.ts';
import { namesOf } from './load-names.ts';

const file = useDuckdbFile({ '*id': { kind: 'integer', bits: 64 }, '*code': { kind: 'text' }, name: { kind: 'text' } });

it.each([
  ['the planned types', 'id BIGINT, code VARCHAR'],
  ['a narrower type', 'id INTEGER, code VARCHAR'],
])('counts live records that are missing, part by part, with a key of %s', async (_what, key) => {
  const plan = file.plan();
  const { live, work } = namesOf(plan);
  await (await file.open(plan)).prepare(NEVER);
  await using lease = await leaseFile(file.path);
  const found = await lease.exclusive(
    'Testing',
    async (session) => {
      // The last of 1,000 is dead, and one has no key; every third of them is in the shadow.
      await session.run(
        `CREATE TABLE ${quoteTable(live)} (${key}, name VARCHAR, __millrace_deleted_at TIMESTAMP WITH TIME ZONE)`,
      );
      await session.run(
        `INSERT INTO ${quoteTable(live)} SELECT i, 'ü' || i, 'x', CASE WHEN i = 1000 THEN now() END FROM range(1, 1001) AS r(i)`,
      );
      await session.run(`INSERT INTO ${quoteTable(live)} VALUES (7, NULL, 'x', NULL)`);
      await session.run(
        `INSERT INTO ${quoteTable(work)} (id, code, name) SELECT i, 'ü' || i, 'y' FROM range(3, 2000, 3) AS r(i)`,
      );
      const table = await findTable(session, live);
      if (table === null) throw new Error('it has just been made');
      const counts: number[] = [];
      for (const atOnce of [1_000_000, 300, 1]) counts.push(await countMissing(session, plan, table, 1_001, atOnce));
      return counts;
    },
    NEVER,
  );
  expect(found).toEqual([667, 667, 667]);
});
