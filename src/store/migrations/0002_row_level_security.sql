-- The second lock between organizations. A session that acts for one organization names it in the setting below and
-- then sees and writes that organization's rows only, whatever its SQL says. Sessions of the engine, the scheduler and
-- the key look-up name none and see everything. A superuser is not bound by this: the owner of the database should be
-- an ordinary user.
CREATE FUNCTION millrace_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('millrace.organization_id', true), '')::uuid;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['users', 'api_keys', 'policies', 'connections', 'schema_caches', 'cached_schemas', 'bulk_syncs',
    'bulk_sync_schedules', 'bulk_sync_schemas', 'executions', 'execution_schemas', 'rejects']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY one_organization ON %I USING (millrace_organization() IS NULL OR organization_id = millrace_organization())',
      name);
  END LOOP;
END
$$;

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON organizations USING (millrace_organization() IS NULL OR id = millrace_organization());
