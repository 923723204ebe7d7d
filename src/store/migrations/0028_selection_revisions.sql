-- Raised by whatever makes the cursor void: an execution that was loaded before leaves none.
ALTER TABLE bulk_sync_schemas ADD COLUMN revision integer NOT NULL DEFAULT 0;
