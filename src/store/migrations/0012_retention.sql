-- The history may grow to millions of rows while only few of them live. Each statement that looks for living ones, or for
-- a page of a list, has an index that holds no more than it asks for.

-- A page of what ended, by its last change.
CREATE INDEX executions_ended ON executions (sync_id, updated_at DESC, id DESC)
  WHERE status IN ('completed', 'errors', 'failed', 'canceled', 'interrupted');

-- The newest proof of a sync, which is never removed: of the whole sync, and of a part of it.
CREATE INDEX executions_proofs ON executions (sync_id, is_partial, created_at DESC, id DESC)
  WHERE status = 'completed' AND receipt IS NOT NULL;

CREATE INDEX workers_dead ON workers (dead_at) WHERE dead_at IS NOT NULL;

-- Rows that are updated while they live leave room for their next version on the same page, so that counts and heartbeats
-- touch no index. Vacuum comes by number of dead rows, not by their share of the whole history.
ALTER TABLE workers SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE segments SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE executions SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE execution_schemas SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE bulk_sync_schemas SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE bulk_sync_schedules SET (fillfactor = 80);
ALTER TABLE console_logs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE rejects SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
