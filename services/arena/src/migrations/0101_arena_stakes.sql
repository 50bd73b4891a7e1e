-- Local copy of finalised stakes from staking.position.v1. A wallet's rows are replaced as a whole by its newest version.
CREATE TABLE arena_stake_wallet (
  wallet text PRIMARY KEY,
  version bigint NOT NULL
);
CREATE TABLE arena_stake (
  task_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('node', 'validator')),
  wallet text NOT NULL REFERENCES arena_stake_wallet,
  own_units numeric(78, 0) NOT NULL CHECK (own_units > 0),
  delegated_units numeric(78, 0) NOT NULL DEFAULT 0,
  sigma_ppm integer NOT NULL DEFAULT 0,
  -- Version of the wallet's position in which this stake first appeared: orders a wallet's two roles.
  since_version bigint NOT NULL,
  PRIMARY KEY (task_id, role, wallet)
);
CREATE INDEX arena_stake_wallet_rows ON arena_stake (wallet);
