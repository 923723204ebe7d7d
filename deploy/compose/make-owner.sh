#!/bin/sh
# Run once, when the database is made. Row-level security does not bind the superuser whom the image makes, so the
# metadata belong to an ordinary user.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$MILLRACE_DATABASE_PASSWORD" --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE millrace LOGIN PASSWORD :'password';
CREATE DATABASE millrace OWNER millrace;
SQL
