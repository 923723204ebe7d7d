import { beforeEach, describe, expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';

// Replacements of depth `repair` whose new tables differ from the source before anybody sees them.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text);
  INSERT INTO people SELECT i, 'name ' || i FROM generate_series(1, 10) i`;

/** So many new tables change a record on its way in. */
const SPOIL = `
  CREATE SEQUENCE spoilt; CREATE TABLE spoils (most int);
  CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = 7 THEN NEW.name := 'altered'; END IF; RETURN NEW; END $$;
  CREATE FUNCTION spoil_table() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE made record; BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' AND object_identity LIKE 'landing.%' LOOP
      IF nextval('public.spoilt') <= (SELECT most FROM public.spoils) THEN
        EXECUTE format('CREATE TRIGGER spoil BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.spoil()', made.object_identity);
      END IF;
    END LOOP; END $$;
  CREATE EVENT TRIGGER spoil_tables ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION spoil_table();
  GRANT ALL ON SEQUENCE spoilt TO PUBLIC; GRANT ALL ON spoils TO PUBLIC`;

/** Each execution has lost an image before it has planned anything. */
const LOSE_IMAGE = `
  CREATE OR REPLACE FUNCTION lose_image() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO execution_snapshots (execution_id, epoch, worker_id, snapshot, closed_at) VALUES (NEW.id, 1, gen_random_uuid(), '{}', now());
    RETURN NULL; END $$;
  CREATE OR REPLACE TRIGGER lose_image AFTER INSERT ON executions FOR EACH ROW EXECUTE FUNCTION lose_image()`;

/** Another worker that lives holds every image, too. */
const SHARE_IMAGES = `
  CREATE OR REPLACE FUNCTION share_image() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE other uuid := '00000000-0000-4000-8000-000000000001'; BEGIN
    IF NEW.worker_id <> other THEN
      INSERT INTO workers (id, host, pid, build, heartbeat_at) VALUES (other, 'there', 1, 'any', now() + interval '1 hour') ON CONFLICT DO NOTHING;
      INSERT INTO snapshot_holders VALUES (NEW.execution_id, NEW.epoch, other, NEW.snapshot) ON CONFLICT DO NOTHING;
    END IF; RETURN NULL; END $$;
  CREATE OR REPLACE TRIGGER share_image AFTER INSERT ON snapshot_holders FOR EACH ROW EXECUTE FUNCTION share_image()`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

beforeEach(async () => {
  await queryDatabase(scene.destination.url, SPOIL);
});

/** The first execution of a sync of depth `repair`, of which so many tables are spoilt. */
async function run(spoilt: number) {
  await scene.inDestination(`INSERT INTO spoils VALUES (${spoilt})`);
  const sync = await scene.make(['public.people']);
  await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
  const { execution } = await scene.run(sync.id);
  const [[tables] = []] = await queryDatabase(scene.destination.url, 'SELECT last_value::int FROM spoilt');
  return [execution.status, tables];
}

describe.each([
  ['', 'SELECT'],
  [' in an execution that has lost an image before', LOSE_IMAGE],
  [' while another worker holds the image', SHARE_IMAGES],
])('a new table that differs%s', { timeout: LIMIT_MS }, (_when, before) => {
  beforeEach(async () => {
    await queryDatabase(server.metadata.url, before);
  });

  it('is loaded again', async () => {
    expect(await run(1)).toEqual(['completed', 2]);
    expect(await scene.inDestination(`SELECT name FROM landing.people WHERE id = 7`)).toEqual([['name 7']]);
  });

  it('is loaded again once', async () => {
    expect(await run(5)).toEqual(['failed', 2]);
    expect(await scene.tables()).toEqual(['public.spoils']);
  });
});
