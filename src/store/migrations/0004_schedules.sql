-- When a schedule comes next; null while its sync is inactive, and for schedules that never come by themselves. A moment
-- that has passed is a start that is still owed: it waits for the execution that runs, or for a process that runs at all.
ALTER TABLE bulk_sync_schedules ADD COLUMN due_at timestamptz;
CREATE INDEX bulk_sync_schedules_due ON bulk_sync_schedules (due_at) WHERE due_at IS NOT NULL;
