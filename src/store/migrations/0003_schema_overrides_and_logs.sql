-- What users said about a source's schemas, laid over what was discovered there. Apart from the cache, which every
-- refresh replaces.
CREATE TABLE schema_overrides (
  connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
  schema_id text NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  -- {"userFields": [...], "labels": {"field": "label"}, "primaryKey": ["field"] or null}: core/schema-overrides.ts
  overrides jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, schema_id)
);

-- What an execution tells people while it runs. `no` counts within the execution and is bounded (store/console-logs.ts).
CREATE TABLE console_logs (
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  no integer NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  -- Null for what is not about one schema.
  schema_id text,
  level text NOT NULL CHECK (level IN ('info', 'warn', 'error')),
  message text NOT NULL,
  payload jsonb,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (execution_id, no)
);
CREATE INDEX console_logs_schema ON console_logs (execution_id, schema_id, no);

-- Schemas of a running execution that somebody cancelled: kept here because planning writes execution_schemas anew.
ALTER TABLE executions ADD COLUMN canceled_schemas text[] NOT NULL DEFAULT '{}';

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['schema_overrides', 'console_logs']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY one_organization ON %I USING (millrace_organization() IS NULL OR organization_id = millrace_organization())',
      name);
  END LOOP;
END
$$;
