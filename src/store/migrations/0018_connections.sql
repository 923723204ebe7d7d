-- A shared connection points to one of another organization, which has the configuration and the secrets. The key is
-- deferrable so that a backup may bring its rows in any order.
ALTER TABLE connections
  ADD COLUMN parent_connection_id uuid REFERENCES connections DEFERRABLE,
  ADD CONSTRAINT connections_shared CHECK (parent_connection_id IS NULL OR (secrets IS NULL AND healthcheck_interval IS NULL)),
  -- When the scheduler looks at the system next; null = never.
  ADD COLUMN next_check_at timestamptz,
  ADD COLUMN checked_at timestamptz;
CREATE INDEX connections_parent ON connections (parent_connection_id) WHERE parent_connection_id IS NOT NULL;
CREATE INDEX connections_next_check ON connections (next_check_at) WHERE next_check_at IS NOT NULL;
UPDATE connections SET next_check_at = now() WHERE healthcheck_interval IS NOT NULL;

ALTER TABLE installation
  -- Rises when the master key is exchanged; part of what seals are bound to.
  ADD COLUMN key_version int NOT NULL DEFAULT 1,
  -- The first master key, sealed, once it was exchanged: what obfuscated values were derived from must not change.
  ADD COLUMN obfuscation_root bytea;
