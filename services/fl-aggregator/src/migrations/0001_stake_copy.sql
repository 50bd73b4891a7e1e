-- This service's copy of finalised stakes on federated tasks, from staking.position.v1 (see the domain: SQL owner is stake-copy).
CREATE TABLE stake_position (
  wallet text PRIMARY KEY,
  version bigint NOT NULL
);

CREATE TABLE stake_on_task (
  wallet text NOT NULL REFERENCES stake_position ON DELETE CASCADE,
  task_id text NOT NULL,
  units numeric(78, 0) NOT NULL,
  PRIMARY KEY (task_id, wallet)
);
CREATE INDEX stake_on_task_wallet ON stake_on_task (wallet);

CREATE TABLE update_read (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id text NOT NULL,
  round integer NOT NULL,
  sha256 text NOT NULL,
  reader text NOT NULL,
  read_at_ms bigint NOT NULL DEFAULT es_now_ms()
);
CREATE INDEX update_read_task ON update_read (task_id, id);
COMMENT ON TABLE update_read IS 'insert-only: who read which raw update';
