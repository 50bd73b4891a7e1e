-- Who looks for timers and jobs whose worker is gone need not look at all those whose time has not come.
CREATE INDEX es_timer_leased ON es_timer (id) WHERE lease_token IS NOT NULL;
CREATE INDEX es_job_leased ON es_job (kind, tenant) WHERE state = 'open' AND lease_token IS NOT NULL;
