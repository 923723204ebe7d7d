-- Model syncs as users set them up. Models that they name may be deleted, so nothing refers to those; a connection may not.
CREATE TABLE model_syncs (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL,
  active boolean NOT NULL DEFAULT false,
  mode text NOT NULL CHECK (mode IN ('create', 'update', 'updateOrCreate', 'replace', 'append', 'remove', 'snapshot')),
  -- Every model that fields, identity, filters and overrides name, each once.
  model_ids uuid[] NOT NULL,
  target_connection_id uuid NOT NULL REFERENCES connections ON DELETE RESTRICT,
  -- Id of what it writes, also while that is still to be made.
  target_object text NOT NULL,
  -- core/model-syncs/model-syncs.ts says what each of these holds.
  target jsonb NOT NULL,
  identity jsonb,
  fields jsonb NOT NULL,
  override_fields jsonb NOT NULL,
  filters jsonb NOT NULL,
  filter_logic text,
  overrides jsonb NOT NULL,
  schedule jsonb NOT NULL,
  sync_all_records boolean NOT NULL,
  skip_initial_backfill boolean NOT NULL,
  only_enrich_updates boolean NOT NULL,
  -- The sealed passphrase of encrypted fields (store/secrets.ts).
  secrets bytea,
  policies uuid[] NOT NULL DEFAULT '{}',
  created_by uuid,
  created_by_type text NOT NULL,
  updated_by uuid,
  updated_by_type text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX model_syncs_page ON model_syncs (organization_id, updated_at DESC, id DESC);
CREATE INDEX model_syncs_target ON model_syncs (target_connection_id);
CREATE INDEX model_syncs_run_after ON model_syncs (organization_id) WHERE schedule ? 'runAfter';

ALTER TABLE model_syncs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON model_syncs
  USING (millrace_organization() IS NULL OR organization_id = millrace_organization());
