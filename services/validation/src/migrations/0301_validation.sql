-- Scores of managed validators between sealing and revealing. Never published, never an event before the reveal.
CREATE TABLE managed_score (
  assignment_id uuid PRIMARY KEY,
  score_nano bigint NOT NULL,
  salt text NOT NULL,
  manifest json NOT NULL,
  manifest_sha256 text NOT NULL
);

-- Local copy: tasks that the arena has finished.
CREATE TABLE finished_task (
  task text PRIMARY KEY
);
