-- Requests that are answered later. Whoever works on a job holds it until `free_at`, which it moves on while it lives; an
-- unfinished job whose `free_at` has passed is anybody's. `takings` is the fence: each taking counts it up, and only the last
-- taker may finish. `attempts` leaves out those that were given back in order.
CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  type text NOT NULL,
  status text NOT NULL DEFAULT 'created' CHECK (status IN ('created', 'running', 'done', 'failed')),
  -- Who asked, as operations know callers: the job acts with that caller's rights.
  caller jsonb NOT NULL,
  author_id uuid,
  author_type text NOT NULL,
  -- What the work needs; emptied when the job ends.
  input jsonb NOT NULL,
  result jsonb,
  error text,
  takings integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  free_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  -- When an ended job is removed.
  expires_at timestamptz
);
CREATE INDEX jobs_free ON jobs (free_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_expired ON jobs (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX jobs_organization ON jobs (organization_id) WHERE finished_at IS NULL;

-- Records that a query found, a page in each row.
CREATE TABLE query_pages (
  job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  page integer NOT NULL,
  organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  records jsonb NOT NULL,
  PRIMARY KEY (job_id, page)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['jobs', 'query_pages']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY one_organization ON %I USING (millrace_organization() IS NULL OR organization_id = millrace_organization())',
      name);
  END LOOP;
END
$$;
