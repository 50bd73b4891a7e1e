-- Whose job it is, where its payload says so: workers take turns between tenants.
ALTER TABLE es_job ADD COLUMN tenant text NOT NULL GENERATED ALWAYS AS (coalesce(payload ->> 'tenant', '')) STORED;
CREATE INDEX es_job_turn ON es_job (kind, tenant, available_at, id) WHERE state = 'open';
DROP INDEX es_job_open;
