-- What a group met is forgotten after its time: found by it.
CREATE INDEX message_contents_met ON message_contents (met_at);

-- Partitions that have repeated a retriable failure for longer than the alert, while they do: seen by whoever asks any process.
CREATE TABLE consumer_stalls (
  group_name text NOT NULL,
  topic      text NOT NULL,
  partition  integer NOT NULL,
  reason     text NOT NULL,
  since      timestamptz NOT NULL,
  -- Of the last try that failed: a stall that nobody has told of lately is none any more.
  seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (group_name, topic, partition)
);
