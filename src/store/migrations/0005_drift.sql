-- What a sync found at its source: every schema that was there when it ran last and, once a load of it has completed,
-- what that load found and wrote (core/drift.ts: SeenSchema). Apart from bulk_sync_schemas, which is read whole and often.
CREATE TABLE seen_schemas (
  sync_id uuid NOT NULL REFERENCES bulk_syncs ON DELETE CASCADE,
  schema_id text NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  description jsonb,
  PRIMARY KEY (sync_id, schema_id)
);

-- Differences from it, by the execution that met them. Until a load has completed with them, each execution meets them
-- again.
CREATE TABLE drift_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  sync_id uuid NOT NULL REFERENCES bulk_syncs ON DELETE CASCADE,
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  schema_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('schema_added', 'schema_dropped', 'field_added', 'field_dropped', 'field_renamed',
    'type_widened', 'type_narrowed', 'type_changed', 'key_changed')),
  field text,
  before text,
  after text,
  outcome text NOT NULL,
  needs_attention boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX drift_events_sync ON drift_events (sync_id, id);
CREATE INDEX drift_events_execution ON drift_events (execution_id, id);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['seen_schemas', 'drift_events']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY one_organization ON %I USING (millrace_organization() IS NULL OR organization_id = millrace_organization())',
      name);
  END LOOP;
END
$$;
