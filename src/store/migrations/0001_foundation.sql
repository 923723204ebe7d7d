-- One row: what this metadata database belongs to and which master key opens its secrets.
CREATE TABLE installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id uuid NOT NULL,
  key_check bytea NOT NULL,
  obfuscation_salt bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE organizations (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  email text NOT NULL,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'member')),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, email)
);

-- Keys are 256 random bits; only their SHA-256 is stored. A deployment key belongs to no user and to no organization.
CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('user', 'deployment')),
  organization_id uuid REFERENCES organizations ON DELETE CASCADE,
  user_id uuid REFERENCES users ON DELETE CASCADE,
  hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  CHECK ((kind = 'user') = (user_id IS NOT NULL)),
  CHECK ((kind = 'user') = (organization_id IS NOT NULL))
);

CREATE TABLE policies (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL,
  -- The kind of object a built-in policy hangs on; null for policies that users make.
  system_kind text CHECK (system_kind IN ('connection', 'bulk_sync')),
  actions jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, system_kind)
);

CREATE TABLE connections (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL,
  type text NOT NULL,
  -- Settings without secrets; the secrets are one sealed JSON object (store/secrets.ts).
  configuration jsonb NOT NULL,
  secrets bytea,
  policies uuid[] NOT NULL DEFAULT '{}',
  healthcheck_interval text,
  status text NOT NULL CHECK (status IN ('healthy', 'unhealthy', 'unchecked')),
  status_error text,
  created_by uuid,
  created_by_type text NOT NULL,
  updated_by uuid,
  updated_by_type text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, name)
);

-- A refresh is a row with `requested_at` later than `finished_at`: a restart finds it and does it again.
CREATE TABLE schema_caches (
  connection_id uuid PRIMARY KEY REFERENCES connections ON DELETE CASCADE,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  requested_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  succeeded_at timestamptz,
  error text
);

CREATE TABLE cached_schemas (
  connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
  schema_id text NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  description jsonb NOT NULL,
  PRIMARY KEY (connection_id, schema_id)
);

CREATE TABLE bulk_syncs (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL,
  active boolean NOT NULL DEFAULT false,
  mode text NOT NULL CHECK (mode IN ('replicate', 'snapshot')),
  source_connection_id uuid NOT NULL REFERENCES connections ON DELETE RESTRICT,
  source_configuration jsonb,
  destination_connection_id uuid NOT NULL REFERENCES connections ON DELETE RESTRICT,
  destination_configuration jsonb NOT NULL,
  automatically_add_new_fields text NOT NULL,
  automatically_add_new_objects text NOT NULL,
  normalize_names text NOT NULL,
  disable_record_timestamps boolean NOT NULL DEFAULT false,
  concurrency_limit integer,
  resync_concurrency_limit integer,
  data_cutoff_timestamp timestamptz,
  policies uuid[] NOT NULL DEFAULT '{}',
  -- Settings of Millrace's own API: receipt_depth, adopt, max_loss_percent.
  receipt_depth text NOT NULL DEFAULT 'checksums' CHECK (receipt_depth IN ('counts', 'checksums', 'repair')),
  adopt boolean NOT NULL DEFAULT false,
  max_loss_percent double precision NOT NULL DEFAULT 50 CHECK (max_loss_percent BETWEEN 0 AND 100),
  created_by uuid,
  created_by_type text NOT NULL,
  updated_by uuid,
  updated_by_type text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bulk_syncs_page ON bulk_syncs (organization_id, updated_at DESC, id DESC);
CREATE INDEX bulk_syncs_source ON bulk_syncs (source_connection_id);
CREATE INDEX bulk_syncs_destination ON bulk_syncs (destination_connection_id);

CREATE TABLE bulk_sync_schedules (
  id uuid PRIMARY KEY,
  sync_id uuid NOT NULL REFERENCES bulk_syncs ON DELETE CASCADE,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  is_default boolean NOT NULL,
  position integer NOT NULL,
  -- frequency, minute, hour, day_of_week, day_of_month, month, schemas, selective_mode, resync_mode
  settings jsonb NOT NULL,
  created_by uuid,
  created_by_type text NOT NULL,
  updated_by uuid,
  updated_by_type text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX bulk_sync_schedules_default ON bulk_sync_schedules (sync_id) WHERE is_default;

-- The selection of a sync. `fields` null = all fields, new ones included; else [{id, enabled, obfuscated, user_output_name}].
CREATE TABLE bulk_sync_schemas (
  sync_id uuid NOT NULL REFERENCES bulk_syncs ON DELETE CASCADE,
  schema_id text NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  enabled boolean NOT NULL,
  fields jsonb,
  filters jsonb NOT NULL DEFAULT '[]',
  tracking_field text,
  partition_key text,
  data_cutoff_timestamp timestamptz,
  disable_data_cutoff boolean NOT NULL DEFAULT false,
  user_output_name text,
  -- What the engine remembers between executions.
  generation bigint NOT NULL DEFAULT 0,
  -- Opaque checkpoint of the tracking field after the last success; null = the next read is complete.
  cursor jsonb,
  -- Field ids and types of the last success; another shape makes the next read complete.
  loaded_shape jsonb,
  PRIMARY KEY (sync_id, schema_id)
);

CREATE TABLE executions (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  sync_id uuid NOT NULL REFERENCES bulk_syncs ON DELETE CASCADE,
  status text NOT NULL,
  type text NOT NULL DEFAULT 'manual',
  status_message text,
  resync_mode text,
  fetch_mode text NOT NULL DEFAULT 'none',
  is_test boolean NOT NULL DEFAULT false,
  is_partial boolean NOT NULL DEFAULT false,
  -- Overrides of one start: {"max_loss_percent": 80}.
  overrides jsonb NOT NULL DEFAULT '{}',
  cancel_requested_at timestamptz,
  created_by uuid,
  created_by_type text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  completed_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  receipt jsonb
);
CREATE INDEX executions_page ON executions (sync_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX executions_one_at_a_time ON executions (sync_id)
  WHERE status IN ('created', 'scheduled', 'running', 'exporting', 'processing', 'canceling');

-- One schema of one execution: its plan, the generation it loads, and how far it is.
CREATE TABLE execution_schemas (
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  schema_id text NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  position integer NOT NULL,
  status text NOT NULL,
  status_message text,
  output_name text,
  -- engine/planner SchemaPlan
  plan jsonb,
  generation bigint,
  snapshot_epoch integer,
  estimated_records bigint,
  estimated_bytes bigint,
  record_count bigint NOT NULL DEFAULT 0,
  error_count bigint NOT NULL DEFAULT 0,
  warning_count bigint NOT NULL DEFAULT 0,
  receipt jsonb,
  started_at timestamptz,
  completed_at timestamptz,
  PRIMARY KEY (execution_id, schema_id)
);

-- The consistent source image that readers of an execution share; it lives as long as the process that opened it.
CREATE TABLE execution_snapshots (
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  epoch integer NOT NULL,
  worker_id uuid NOT NULL,
  snapshot jsonb NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  PRIMARY KEY (execution_id, epoch)
);

-- The work of an execution: per schema one `prepare`, then its reads, then one `finish`; each becomes claimable when what is before it is done.
CREATE TABLE segments (
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  schema_id text NOT NULL,
  generation bigint NOT NULL,
  no integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('prepare', 'read', 'finish')),
  range jsonb,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'owned', 'done', 'failed')),
  worker_id uuid,
  lane_id text,
  -- Raised at each claim: the destination's fence for this segment.
  token integer NOT NULL DEFAULT 0,
  progress_records bigint NOT NULL DEFAULT 0,
  progress_bytes bigint NOT NULL DEFAULT 0,
  outcome jsonb,
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (execution_id, schema_id, generation, no)
);
CREATE INDEX segments_open ON segments (execution_id, state) WHERE state IN ('waiting', 'owned');

CREATE TABLE rejects (
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  schema_id text NOT NULL,
  generation bigint NOT NULL,
  segment_no integer NOT NULL,
  position integer NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  key jsonb,
  reason text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (execution_id, schema_id, generation, segment_no, position)
);

-- A process that runs lanes. Dead is final: such a process can neither claim nor finish.
CREATE TABLE workers (
  id uuid PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  build text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now(),
  dead_at timestamptz
);
