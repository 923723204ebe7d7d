-- A partner is known by its owner organization: that one owns itself and those that the partner made. Null = belongs to
-- the installation alone. No foreign key, so that a backup may list them in any order.
ALTER TABLE organizations
  ADD COLUMN owner_id uuid,
  ADD COLUMN sso_domain text,
  ADD COLUMN sso_org_id text,
  ADD COLUMN issuer text,
  -- client_id and client_secret: one sealed JSON object, bound to the organization (store/secrets.ts).
  ADD COLUMN sso_secrets bytea,
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
  DROP CONSTRAINT organizations_name_key;
CREATE UNIQUE INDEX organizations_name ON organizations (coalesce(owner_id, '00000000-0000-0000-0000-000000000000'), name);
CREATE INDEX organizations_page ON organizations (owner_id, created_at, id);

CREATE UNIQUE INDEX users_email ON users (organization_id, lower(email));
ALTER TABLE users DROP CONSTRAINT users_organization_id_email_key;
-- When the invitation was made; null for users that were not invited.
ALTER TABLE users ADD COLUMN invited_at timestamptz;

-- A partner key belongs to the partner's owner organization.
ALTER TABLE api_keys
  DROP CONSTRAINT api_keys_kind_check,
  DROP CONSTRAINT api_keys_check,
  DROP CONSTRAINT api_keys_check1,
  ADD CONSTRAINT api_keys_kind_check CHECK (kind IN ('user', 'partner', 'deployment')),
  ADD CONSTRAINT api_keys_user_check CHECK ((kind = 'user') = (user_id IS NOT NULL)),
  ADD CONSTRAINT api_keys_organization_check CHECK ((kind = 'deployment') = (organization_id IS NULL)),
  -- The last characters of the key, for people who look for one among several.
  ADD COLUMN hint text;
CREATE INDEX api_keys_user ON api_keys (user_id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_organization ON api_keys (organization_id);
