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

-- Delegation pools, each by its newest message; an owner may have several, of which at most one is not closed.
CREATE TABLE arena_pool (
  pool text PRIMARY KEY,
  owner text NOT NULL,
  version bigint NOT NULL,
  counted_shares numeric(78, 0) NOT NULL,
  principal_index numeric(78, 0) NOT NULL,
  closed boolean NOT NULL,
  -- Shares that begin or cease to count by time: [{epoch, sharesIn, sharesOut}], numbers as text.
  waiting jsonb NOT NULL
);
CREATE INDEX arena_pool_owner ON arena_pool (owner) WHERE NOT closed;

CREATE TABLE arena_sigma (
  owner text PRIMARY KEY,
  version bigint NOT NULL,
  sigma_ppm integer NOT NULL
);
