-- Tables are named in the order in which their schemas were enabled, so that one that is enabled later takes no name away.
ALTER TABLE bulk_sync_schemas ADD COLUMN enabled_at timestamptz NOT NULL DEFAULT now();

-- Here, so that no statement that enables a schema can forget it.
CREATE FUNCTION stamp_enabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.enabled_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER bulk_sync_schemas_enabled BEFORE UPDATE OF enabled ON bulk_sync_schemas
  FOR EACH ROW WHEN (NEW.enabled AND NOT OLD.enabled) EXECUTE FUNCTION stamp_enabled();

-- Fields that executions took along without being told to: those of the first plan, and those that the sync's rule has
-- added since. Whoever sets `fields` begins anew.
ALTER TABLE bulk_sync_schemas ADD COLUMN auto_fields jsonb;

CREATE FUNCTION forget_auto_fields() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.auto_fields := NULL;
  RETURN NEW;
END
$$;

CREATE TRIGGER bulk_sync_schemas_fields BEFORE UPDATE OF fields ON bulk_sync_schemas
  FOR EACH ROW EXECUTE FUNCTION forget_auto_fields();
