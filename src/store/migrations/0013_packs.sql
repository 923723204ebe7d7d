-- Small enough to be worked on together with others, while nothing of it has begun.
ALTER TABLE execution_schemas ADD COLUMN is_small boolean NOT NULL DEFAULT false;

-- What waits for a pack is not looked at by those who look for single items, and the other way round.
DROP INDEX execution_schemas_open;
CREATE INDEX execution_schemas_open ON execution_schemas (execution_id, position)
  WHERE status IN ('scheduled', 'running', 'processing') AND NOT (is_small AND status = 'scheduled');
CREATE INDEX execution_schemas_small ON execution_schemas (execution_id, position) WHERE is_small AND status = 'scheduled';
