-- Requests that were passed on through connections, counted by the minute, for the last 24 hours. Of a call nothing else is
-- kept here; those that may change something stand in audit_entries.
CREATE TABLE proxy_calls (
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
  minute timestamptz NOT NULL,
  calls integer NOT NULL DEFAULT 0,
  succeeded integer NOT NULL DEFAULT 0,
  refused integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  last_call_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, connection_id, minute)
);
CREATE INDEX proxy_calls_connection ON proxy_calls (connection_id);
CREATE INDEX proxy_calls_oldest ON proxy_calls (minute);

ALTER TABLE proxy_calls ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one_organization ON proxy_calls
  USING (millrace_organization() IS NULL OR organization_id = millrace_organization());
