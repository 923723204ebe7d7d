-- What writes with an Idempotency-Key were answered, for 24 hours.
CREATE TABLE idempotency_keys (
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  key text NOT NULL,
  -- SHA-256 of caller, version, method, path and body.
  fingerprint bytea NOT NULL,
  -- Of the attempt that works on it, or did: one that was given up cannot overwrite the answer of a later one.
  attempt uuid NOT NULL,
  -- Set while the request is in flight, and moved on by its process; passed = the process died in the middle.
  lease_until timestamptz,
  -- NULL while in flight. Of an answer that was too large to keep, the status only.
  status int,
  -- Headers and body, sealed: answers may hold keys that are shown once.
  answer bytea,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
CREATE UNIQUE INDEX idempotency_keys_in_flight ON idempotency_keys (attempt) WHERE lease_until IS NOT NULL;

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON idempotency_keys
  USING (millrace_organization() IS NULL OR organization_id = millrace_organization());
