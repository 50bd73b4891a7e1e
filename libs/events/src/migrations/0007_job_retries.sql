-- Attempts that do not count against a job: they ended in a failure that passes by itself, or because their worker had to stop.
ALTER TABLE es_job ADD COLUMN retried integer NOT NULL DEFAULT 0;
