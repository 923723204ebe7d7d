-- Which database a connection led to when its schemas were read last; two connections may lead to one. Null = not known.
ALTER TABLE schema_caches ADD COLUMN database jsonb;
