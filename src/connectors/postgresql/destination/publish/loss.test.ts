import { beforeEach, describe, expect, it } from 'vitest';
import { useCopies } from '../../../../../tests/setup/postgresql-copies.ts';
import type { Copy } from '../../../../../tests/setup/postgresql-loads.ts';

/** More than a sample is asked for only. */
const MANY = 150_000;

const copies = useCopies(
  'public.marks',
  `CREATE TABLE marks (id int PRIMARY KEY, mark text); INSERT INTO marks SELECT i, 'm' FROM generate_series(1, ${MANY}) i`,
);
const { source, destination } = copies;
const copy = (maxLossPercent: number, plan: Copy['plan'] = {}) => copies.copy({ maxLossPercent, plan });

const alive = async () => (await destination.sql('SELECT count(*), min(id), max(id) FROM marks'))[0]?.map(Number);

describe('a replacement of many records', () => {
  beforeEach(async () => {
    await copy(100);
  });

  it('is let through when hardly anything goes, and tells by how much the table shrank', async () => {
    await source.sql('DELETE FROM marks WHERE id <= 10');
    expect((await copy(50)).counts).toMatchObject({ inserted: MANY - 10, deleted: 10 });
    expect(await alive()).toEqual([MANY - 10, 11, MANY]);
  });

  it('is stopped when as many other records come, and names how many go', async () => {
    await source.sql(`UPDATE marks SET id = id + 1000000 WHERE id > ${MANY / 3}`);
    await expect(copy(50)).rejects.toMatchObject({
      code: 'LOSS_GUARD',
      detail: { lost: (MANY / 3) * 2, live: MANY, maxLossPercent: 50 },
    });
    expect(await alive()).toEqual([MANY, 1, MANY]);
  });

  it('is counted to the record where a sample cannot tell', async () => {
    await source.sql(`UPDATE marks SET id = id + 1000000 WHERE id <= ${MANY / 2 + 1}`);
    await expect(copy(50)).rejects.toMatchObject({ code: 'LOSS_GUARD', detail: { lost: MANY / 2 + 1 } });
    await source.sql(`UPDATE marks SET id = ${MANY / 2 + 1} WHERE id = ${1_000_000 + MANY / 2 + 1}`);
    expect((await copy(50)).counts).toMatchObject({ inserted: MANY, deleted: MANY / 2 });
  });

  it('is stopped when the key has another type now', async () => {
    await source.sql('ALTER TABLE marks ALTER id TYPE bigint');
    await source.sql('UPDATE marks SET id = id + 1000000');
    await expect(copy(50)).rejects.toMatchObject({ code: 'LOSS_GUARD', detail: { lost: MANY } });
  });

  it('counts tombstones to the record', async () => {
    await copy(100, { tombstones: true });
    await source.sql(`UPDATE marks SET id = id + 1000000 WHERE id <= 100`);
    expect((await copy(50, { tombstones: true })).counts).toMatchObject({ deleted: 100 });
  });
});
