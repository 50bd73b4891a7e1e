-- Slashes that the copies of stakes (own) and of pools (pool) have, by case.
CREATE TABLE arena_slash_heard (
  case_id text NOT NULL,
  part text NOT NULL CHECK (part IN ('own', 'pool')),
  PRIMARY KEY (case_id, part)
);
