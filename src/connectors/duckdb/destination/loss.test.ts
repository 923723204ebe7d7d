import { describe, expect, it } from 'vitest';
import { runLoad } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { failure, useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';

/** More than a sample is asked for only. */
const MANY = 150_000;

const file = useDuckdbFile();
const { connector, query } = file;
const FIELDS = { '*id': { kind: 'integer', bits: 64 } } as const;
const plan = (generation: number) => file.plan({ fields: FIELDS, generation, tombstones: false });
/** Ids from one on. */
const ids = (from: number, count: number) => Array.from({ length: count }, (_, index) => [String(from + index)]);

describe('the loss of a large replacement', () => {
  it('is the drop in number where a sample says that few keys are gone, and where any loss is allowed', async () => {
    await runLoad(connector, plan(1), ids(0, MANY));
    // A thousand keys are new, and two thousand gone.
    const few = await runLoad(connector, plan(2), ids(2_000, MANY - 1_000), { maxLossPercent: 50 });
    expect(few.counts).toMatchObject({ inserted: MANY - 1_000, deleted: 1_000 });
    const all = await runLoad(connector, plan(3), ids(1_000_000, MANY - 5_000), { maxLossPercent: 100 });
    expect(all.counts.deleted).toBe(4_000);
  });

  it('is counted to the record near the limit, and stops what goes beyond it', async () => {
    await runLoad(connector, plan(1), ids(0, MANY));
    const near = await runLoad(connector, plan(2), ids(60_000, MANY), { maxLossPercent: 50 });
    expect(near.counts.deleted).toBe(60_000);
    await expect(runLoad(connector, plan(3), ids(136_000, MANY), { maxLossPercent: 50 })).rejects.toThrow(
      failure('LOSS_GUARD'),
    );
    expect(await query('SELECT min(id), count(*) FROM flights')).toEqual([['60000', String(MANY)]]);
  });
});
