-- Up to which final block this service's copy of stakes reaches, from staking.position.v1.
CREATE TABLE stake_frontier (
  chain text PRIMARY KEY,
  block_number bigint NOT NULL,
  block_hash text NOT NULL,
  -- Time of that block, or of the newest before it whose time is known.
  block_time_ms bigint,
  heard_at_ms bigint NOT NULL DEFAULT es_now_ms(),
  -- Reward epochs as the contracts count them.
  epoch_genesis_ms bigint,
  epoch_ms bigint
);

-- Slashes that the positions of this copy have, by case. One that was copied before this table was there is missing, and goes on being
-- subtracted as it was.
CREATE TABLE stake_case (
  case_id text PRIMARY KEY,
  wallet text NOT NULL REFERENCES stake_position ON DELETE CASCADE
);
