import { expect, it } from 'vitest';
import { PEOPLE, useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import { createDatabaseContext, NEVER } from '../../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../../tests/setup/syncs.ts';
import { createRoute } from '../client/route.ts';
import { postgresqlConfig } from '../config.ts';
import { SessionPool } from '../sessions.ts';
import { PostgresqlLoad } from './load.ts';

const { copy, destination } = useCopies('public.people', PEOPLE);

/**
 * From now on an ANALYZE of the table calls it, and it notes by which session and with which limit. The server begins none
 * by itself.
 */
const NOTE_ANALYZE = `
  ALTER TABLE people SET (autovacuum_enabled = off);
  CREATE TABLE noted (pid int, time_limit text);
  CREATE FUNCTION note(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
  CREATE INDEX ON people (note(id));
  CREATE OR REPLACE FUNCTION note(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
    BEGIN INSERT INTO public.noted VALUES (pg_backend_pid(), current_setting('statement_timeout')); RETURN $1; END $$`;

it('lets the server end an ANALYZE behind a minute, and nothing else of the session', async () => {
  const { plan } = await copy();
  await destination.sql(NOTE_ANALYZE);
  const config = postgresqlConfig.parse(postgresConfiguration(destination.url));
  const context = createDatabaseContext();
  await using pool = new SessionPool({ config, context, route: createRoute(config, context), side: 'destination' });
  await new PostgresqlLoad(pool, context, plan).analyze(NEVER);
  const [noted] = await destination.sql('SELECT DISTINCT * FROM noted');
  const later = await pool.use(NEVER, (session) =>
    session.query(
      'Looking',
      `SELECT pg_backend_pid() AS pid, current_setting('statement_timeout') AS time_limit`,
      [],
      NEVER,
    ),
  );
  expect([noted, later]).toEqual([[expect.any(String), '1min'], [{ pid: noted?.[0], time_limit: '0' }]]);
});
