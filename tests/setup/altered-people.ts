/** A table of 2,000 records with a tracking field. */
export const PEOPLE = `
  CREATE TABLE people (id bigint PRIMARY KEY, name text, changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'name ' || i, '2024-01-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, 2000) i`;

/** Makes its copy differ in three records: one altered, one missing, one extra. */
export const ALTERED = `
  UPDATE landing.people SET name = 'altered' WHERE id = 7;
  DELETE FROM landing.people WHERE id = 8;
  INSERT INTO landing.people (id, name, changed_at) VALUES (-1, 'extra', '2020-01-01Z')`;
