import { describe, expect, it } from 'vitest';
import { PEOPLE, useCopies } from '../../../../tests/setup/postgresql-copies.ts';

const { copy, destination, source } = useCopies('public.people', PEOPLE);

describe('an isolated segment', () => {
  it('hands back the records that the table cannot hold, and keeps the others', async () => {
    await source.sql(`UPDATE people SET name = 'much too long for it' WHERE id IN (3, 64, 65)`);
    await expect(copy({ types: { name: 'character varying(8)' } })).rejects.toMatchObject({ code: 'RECORD_REFUSED' });
    const { rejects, counts, found, expected } = await copy({ types: { name: 'character varying(8)' }, isolate: true });
    expect(rejects.map(({ key }) => key)).toEqual([{ id: '3' }, { id: '64' }, { id: '65' }]);
    expect(rejects[0]?.reason).toBe('value too long (SQLSTATE 22001), column name');
    expect(counts).toMatchObject({ inserted: 97 });
    expect(found).toEqual(expected);
  });

  it('keeps the last good version of a record that it refuses, and of no other', async () => {
    const types = { name: 'character varying(8)' };
    const merge = () => copy({ types, isolate: true, plan: { kind: 'merge', tombstones: true } });
    await merge();
    await source.sql(`UPDATE people SET name = 'much too long for it' WHERE id IN (3, 64)`);
    await source.sql('DELETE FROM people WHERE id = 65');
    const { rejects, counts, found, expected } = await merge();
    expect(rejects.map(({ key }) => key)).toEqual([{ id: '3' }, { id: '64' }]);
    expect(counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 97, deleted: 1 });
    expect(found).toEqual(expected);
    expect(
      await destination.sql(
        `SELECT id, name FROM people WHERE __millrace_deleted_at IS NULL AND id IN (3, 64, 65) ORDER BY id`,
      ),
    ).toEqual([
      ['3', 'name 3'],
      ['64', 'name 64'],
    ]);
    await source.sql(`UPDATE people SET name = 'short' WHERE id = 3`);
    expect((await merge()).counts).toMatchObject({ updated: 1, deleted: 0 });
  });

  it('goes on when the key itself is what it refuses', async () => {
    await source.sql('CREATE TABLE words (word text PRIMARY KEY)');
    await source.sql(`INSERT INTO words VALUES ('a'), ('b'), ('much too long for it')`);
    const types = { word: 'character varying(8)' };
    const merge = () =>
      copy({ schemaId: 'public.words', types, isolate: true, plan: { kind: 'merge', tombstones: true } });
    await merge();
    await source.sql(`DELETE FROM words WHERE word = 'a'`);
    const { counts, found, expected } = await merge();
    expect(counts).toMatchObject({ unchanged: 1, deleted: 1 });
    expect(found).toEqual(expected);
  });
});
