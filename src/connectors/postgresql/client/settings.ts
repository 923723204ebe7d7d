/**
 * One form for every value and name of a type as text, whatever the server's or the user's own settings; no time limit
 * of theirs ends a long copy; behind a lock a statement sees what was committed while we waited for it; and a commit that
 * was answered is on disk. The server notices within two minutes that our machine is gone, and lets go of what its session
 * held.
 */
export const SETTINGS = `
  SELECT set_config(name, value, false) FROM (VALUES ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'iso_8601'),
    ('extra_float_digits', '3'), ('bytea_output', 'hex'), ('xmlbinary', 'base64'), ('xmloption', 'content'), ('standard_conforming_strings', 'on'), ('jit', 'off'),
    ('quote_all_identifiers', 'off'), ('array_nulls', 'on'), ('transform_null_equals', 'off'),
    ('default_transaction_isolation', 'read committed'),
    ('tcp_keepalives_idle', '60'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '6'),
    ('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),
    ('transaction_timeout', '0'), ('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on' END)
  ) s (name, value) JOIN pg_settings USING (name) WHERE value IS NOT NULL`;

/** Which session this is, and of which version its server. */
export const FACTS = `
  SELECT pg_backend_pid() AS pid, current_setting('server_version_num') AS version,
    (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS started`;
