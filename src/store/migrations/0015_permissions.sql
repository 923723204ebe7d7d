-- Roles are labels that users carry. Policies say what the holders of a role may do with the objects that they hang on.
CREATE TABLE roles (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL,
  -- Built-in roles; null for roles that users make.
  system_key text CHECK (system_key IN ('admin', 'editor', 'sync_editor', 'viewer')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, name),
  UNIQUE (organization_id, system_key)
);
ALTER TABLE roles ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON roles
  USING (millrace_organization() IS NULL OR organization_id = millrace_organization());

INSERT INTO roles (id, organization_id, name, system_key)
SELECT gen_random_uuid(), o.id, r.name, r.key
FROM organizations o
CROSS JOIN (VALUES ('Admin', 'admin'), ('Editor', 'editor'), ('Sync Editor', 'sync_editor'), ('Viewer', 'viewer')) r (name, key);

-- The word of a user's role is derived from its roles from here on.
ALTER TABLE users ADD COLUMN role_ids uuid[] NOT NULL DEFAULT '{}', ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
UPDATE users u SET role_ids = ARRAY[r.id] FROM roles r
WHERE r.organization_id = u.organization_id AND r.system_key = CASE u.role WHEN 'admin' THEN 'admin' ELSE 'editor' END;
ALTER TABLE users DROP COLUMN role;

ALTER TABLE policies DROP CONSTRAINT policies_system_kind_check;
ALTER TABLE policies ADD CONSTRAINT policies_system_kind_check
  CHECK (system_kind IN ('connection', 'model', 'sync', 'bulk_sync'));
ALTER TABLE policies ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

INSERT INTO policies (id, organization_id, name, system_kind)
SELECT gen_random_uuid(), o.id, k.name, k.kind
FROM organizations o
CROSS JOIN (VALUES ('All connections', 'connection'), ('All models', 'model'), ('All syncs', 'sync'), ('All bulk syncs', 'bulk_sync')) k (name, kind)
ON CONFLICT (organization_id, system_kind) DO NOTHING;

-- What the built-in policies say until somebody edits them: nobody could before. Per action the roles that may.
UPDATE policies p SET actions = (
  SELECT jsonb_agg(jsonb_build_object('action', g.action, 'roleIds', (
    SELECT jsonb_agg(r.id ORDER BY r.system_key) FROM roles r
    WHERE r.organization_id = p.organization_id AND r.system_key = ANY (string_to_array(g.roles, ' ')))) ORDER BY g.action)
  FROM (VALUES
    ('connection', 'apply_policy', 'admin editor'),
    ('connection', 'create', 'admin editor'),
    ('connection', 'delete', 'admin editor'),
    ('connection', 'edit', 'admin editor'),
    ('connection', 'export', 'admin editor'),
    ('connection', 'modify_policy', 'admin'),
    ('connection', 'query', 'admin editor'),
    ('connection', 'read', 'admin editor sync_editor viewer'),
    ('connection', 'sync_to', 'admin editor sync_editor'),
    ('connection', 'trigger', 'admin editor sync_editor'),
    ('model', 'apply_policy', 'admin editor'),
    ('model', 'create', 'admin editor'),
    ('model', 'delete', 'admin editor'),
    ('model', 'edit', 'admin editor'),
    ('model', 'export', 'admin editor'),
    ('model', 'modify_policy', 'admin'),
    ('model', 'query', 'admin editor'),
    ('model', 'read', 'admin editor sync_editor viewer'),
    ('sync', 'apply_policy', 'admin editor sync_editor'),
    ('sync', 'create', 'admin editor sync_editor'),
    ('sync', 'delete', 'admin editor sync_editor'),
    ('sync', 'edit', 'admin editor sync_editor'),
    ('sync', 'export', 'admin editor sync_editor'),
    ('sync', 'modify_policy', 'admin'),
    ('sync', 'read', 'admin editor sync_editor viewer'),
    ('sync', 'trigger', 'admin editor sync_editor'),
    ('bulk_sync', 'apply_policy', 'admin editor sync_editor'),
    ('bulk_sync', 'create', 'admin editor sync_editor'),
    ('bulk_sync', 'delete', 'admin editor sync_editor'),
    ('bulk_sync', 'edit', 'admin editor sync_editor'),
    ('bulk_sync', 'export', 'admin editor sync_editor'),
    ('bulk_sync', 'modify_policy', 'admin'),
    ('bulk_sync', 'read', 'admin editor sync_editor viewer'),
    ('bulk_sync', 'trigger', 'admin editor sync_editor')
  ) g (kind, action, roles)
  WHERE g.kind = p.system_kind)
WHERE p.system_kind IS NOT NULL;
