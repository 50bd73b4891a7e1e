-- What the follower saw when it last looked; replaced each time, no part of the log.
CREATE TABLE chain_status (
  chain_id bigint PRIMARY KEY,
  latest_number bigint NOT NULL,
  latest_hash text NOT NULL,
  safe_number bigint NOT NULL,
  safe_hash text NOT NULL,
  finalised_number bigint NOT NULL,
  finalised_hash text NOT NULL,
  indexed_number bigint NOT NULL,
  indexed_hash text NOT NULL,
  indexed_finalised_number bigint NOT NULL,
  indexed_finalised_hash text NOT NULL,
  halted_rule text,
  halted_reason text,
  checked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
