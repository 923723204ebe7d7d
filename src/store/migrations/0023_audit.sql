-- Who changed what, and when. Values are as an API answer shows them, so no secret is among them. Nothing refers to the
-- object: its entries outlive it.
CREATE TABLE audit_entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  actor_id uuid,
  actor_type text NOT NULL CHECK (actor_type IN ('user', 'system', 'organization', 'partner')),
  actor_name text NOT NULL,
  action text NOT NULL,
  object_type text NOT NULL,
  object_id text NOT NULL,
  object_name text,
  before jsonb,
  after jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_entries_newest ON audit_entries (organization_id, id);
CREATE INDEX audit_entries_object ON audit_entries (organization_id, object_type, object_id, id);
CREATE INDEX audit_entries_object_id ON audit_entries (organization_id, object_id, id);
CREATE INDEX audit_entries_actor ON audit_entries (organization_id, actor_id, id);

ALTER TABLE audit_entries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON audit_entries
  USING (millrace_organization() IS NULL OR organization_id = millrace_organization());
