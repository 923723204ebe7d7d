-- The next work of an execution is that of its first open schema; the ended ones, thousands perhaps, are not looked at.
CREATE INDEX execution_schemas_open ON execution_schemas (execution_id, position)
  WHERE status IN ('scheduled', 'running', 'processing');
