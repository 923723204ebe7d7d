import { describe, expect, it } from 'vitest';
import { useCopies } from '../../../../../tests/setup/postgresql-copies.ts';

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text);
  INSERT INTO people SELECT n, 'name ' || n FROM generate_series(1, 20) n`;
const { copy, destination, source } = useCopies('public.people', SOURCE);

async function addTrigger(body: string): Promise<void> {
  await destination.sql(
    `CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`,
  );
  await destination.sql('CREATE TRIGGER meddle BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION meddle()');
}

const NAMES = 'SELECT name FROM people ORDER BY id';

describe('a replacement that is written through triggers or rules', () => {
  it('fails and keeps the old records when a trigger changes values', async () => {
    await copy();
    const before = await destination.sql(NAMES);
    await addTrigger(`NEW.name := NEW.name || '!'; RETURN NEW;`);
    await source.sql(`UPDATE people SET name = 'new' WHERE id = 1`);
    await expect(copy()).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      detail: { differences: [{ source: { records: 20 }, destination: { records: 20 } }] },
    });
    expect(await destination.sql(NAMES)).toEqual(before);
  });

  it('fails when a trigger or a rule swallows records', async () => {
    await copy();
    await addTrigger('IF NEW.id = 3 THEN RETURN NULL; END IF; RETURN NEW;');
    await expect(copy()).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
    await destination.sql('DROP TRIGGER meddle ON people');
    await destination.sql('CREATE RULE nothing AS ON INSERT TO people DO INSTEAD NOTHING');
    await expect(copy()).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
    expect(await destination.sql('SELECT count(*) FROM people')).toEqual([['20']]);
  });

  it('fails when a trigger changes what a referenced table is brought to', async () => {
    await copy();
    await destination.sql('CREATE TABLE orders (person int REFERENCES people)');
    await addTrigger(`NEW.name := NEW.name || '!'; RETURN NEW;`);
    await source.sql(`INSERT INTO people VALUES (21, 'added')`);
    await expect(copy()).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
    expect(await destination.sql('SELECT count(*) FROM people')).toEqual([['20']]);
    await destination.sql('DROP TABLE orders');
  });

  it('lets a trigger be that changes nothing or refuses a record', async () => {
    const plan = { kind: 'replace', tombstones: true } as const;
    await copy({ plan });
    await source.sql('DELETE FROM people WHERE id = 20');
    await addTrigger(`IF NEW.id = 4 THEN RAISE check_violation; END IF; RETURN NEW;`);
    const { counts } = await copy({ plan });
    expect(counts).toMatchObject({ inserted: 18, deleted: 1, rejects: [{ key: { id: '4' } }] });
    expect(await destination.sql('SELECT count(*) FROM people WHERE __millrace_deleted_at IS NULL')).toEqual([['18']]);
  });
});
