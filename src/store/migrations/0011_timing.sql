-- Where the time of an item went, in milliseconds by part (core/timing.ts): of its lane, from the item before to this one.
ALTER TABLE segments ADD COLUMN timing jsonb;

ALTER TABLE executions
  -- When the work that is left was planned: a restart of schemas sets it anew.
  ADD COLUMN planned_at timestamptz,
  ADD COLUMN planning_ms double precision,
  -- Summed up at the end, because segments are not kept as long as executions are.
  ADD COLUMN timing jsonb,
  -- W3C trace context of the request, so that the work of an execution shows up in the trace of its start.
  ADD COLUMN trace_parent text;
