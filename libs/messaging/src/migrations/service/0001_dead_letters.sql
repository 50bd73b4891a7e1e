-- Parked messages of a service's consumer groups. A key with an open row is parked: its later messages follow it here.
CREATE TABLE dead_letters (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue          text NOT NULL,
  group_name     text NOT NULL,
  topic          text NOT NULL,
  partition      integer NOT NULL,
  message_offset bigint NOT NULL,
  key            text NOT NULL,
  message_id     text NOT NULL,
  type           text NOT NULL,
  time_ms        bigint NOT NULL,
  headers        json NOT NULL,
  value          bytea NOT NULL,
  reason         text NOT NULL,
  -- true: this one failed; false: it waits behind one that did
  first          boolean NOT NULL,
  parked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  redriven_at    timestamptz,
  leased_until   timestamptz NOT NULL DEFAULT '-infinity',
  UNIQUE (group_name, topic, partition, message_offset)
);
CREATE INDEX dead_letters_open ON dead_letters (group_name, topic, key, message_offset) WHERE redriven_at IS NULL;

-- Parks a message: always when it failed itself, otherwise only while its key is parked. Returns whether it was parked.
-- The lock excludes the end of a redrive: without it the last parked message of a key could be finished between the look and
-- the insert, and this one would lie behind nothing. The insert is a statement of its own, with a snapshot after the lock.
CREATE FUNCTION dead_letter_park(
  p_group text, p_topic text, p_partition integer, p_offset bigint, p_key text, p_message_id text, p_type text, p_time_ms bigint,
  p_headers text, p_value bytea, p_reason text, p_first boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_group || ' ' || p_topic || ' ' || p_key, 3));
  INSERT INTO dead_letters (queue, group_name, topic, partition, message_offset, key, message_id, type, time_ms, headers, value, reason, first)
    SELECT p_group || '.dlq', p_group, p_topic, p_partition, p_offset, p_key, p_message_id, p_type, p_time_ms, p_headers::json, p_value, p_reason, p_first
     WHERE p_first OR EXISTS (SELECT 1 FROM dead_letters d
                               WHERE d.group_name = p_group AND d.topic = p_topic AND d.key = p_key AND d.redriven_at IS NULL)
    ON CONFLICT (group_name, topic, partition, message_offset) DO UPDATE SET redriven_at = NULL, reason = excluded.reason, first = excluded.first;
  RETURN FOUND;
END
$$;

-- Ends a redriven message, under the same lock.
CREATE FUNCTION dead_letter_done(p_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  UPDATE dead_letters SET redriven_at = clock_timestamp(), leased_until = '-infinity' WHERE id = p_id;
END
$$;
