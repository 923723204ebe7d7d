-- Named looks at one connection, from which model syncs take their records.
CREATE TABLE models (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  connection_id uuid NOT NULL REFERENCES connections ON DELETE RESTRICT,
  name text NOT NULL,
  -- {"table": …}, {"view": …} or {"query": …}.
  configuration jsonb NOT NULL,
  -- What the source showed when it was asked last.
  detected_fields jsonb NOT NULL,
  -- Names of the fields that are taken; null = all, new ones included.
  selected_fields jsonb,
  additional_fields jsonb NOT NULL DEFAULT '[]',
  identifier text,
  tracking_columns jsonb NOT NULL DEFAULT '[]',
  relations jsonb NOT NULL DEFAULT '[]',
  labels uuid[] NOT NULL DEFAULT '{}',
  policies uuid[] NOT NULL DEFAULT '{}',
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_by_type text NOT NULL,
  updated_by uuid,
  updated_by_type text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX models_page ON models (organization_id, updated_at DESC, id DESC);
CREATE INDEX models_connection ON models (connection_id);

ALTER TABLE models ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON models
  USING (millrace_organization() IS NULL OR organization_id = millrace_organization());
