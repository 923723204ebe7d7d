-- What a worker is, for those who divide work among the living ones.
ALTER TABLE workers
  ADD COLUMN roles text[] NOT NULL DEFAULT '{}',
  -- Steps of executions that it works on at once; 0 = none.
  ADD COLUMN lanes integer NOT NULL DEFAULT 0,
  -- Lanes that an execution without a limit of its own gets for this worker.
  ADD COLUMN usual_lanes integer NOT NULL DEFAULT 0,
  ADD COLUMN protocol text NOT NULL DEFAULT '';
CREATE INDEX workers_alive ON workers (id) WHERE dead_at IS NULL;

-- Held by a worker, and by a dead one no more. With a time it is also free once that has passed.
CREATE TABLE worker_locks (
  name text PRIMARY KEY,
  worker_id uuid NOT NULL,
  expires_at timestamptz
);

-- Steps under way that count against a connection's limit; those of dead workers do not.
CREATE TABLE connection_lanes (
  connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
  lane_id text NOT NULL,
  worker_id uuid NOT NULL,
  PRIMARY KEY (connection_id, lane_id)
);
-- Null = no limit.
ALTER TABLE connections ADD COLUMN max_lanes integer CHECK (max_lanes > 0);

-- Written into the folder for files, too: who sees that file there sees the files of this installation.
ALTER TABLE installation ADD COLUMN files_mark uuid;

-- Who holds the image of an execution's source: any of them is enough for all readers.
CREATE TABLE snapshot_holders (
  execution_id uuid NOT NULL REFERENCES executions ON DELETE CASCADE,
  epoch integer NOT NULL,
  worker_id uuid NOT NULL,
  snapshot jsonb NOT NULL,
  PRIMARY KEY (execution_id, epoch, worker_id)
);
