-- Whether payouts may rest on a chain's stakes: a copy of the newest message of staking.reconciliation.v1.
CREATE TABLE payout_freeze (
  chain text PRIMARY KEY,
  version bigint NOT NULL,
  frozen boolean NOT NULL,
  rule text NOT NULL,
  reason text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
