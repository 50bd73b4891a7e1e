-- A parked message ends by a redrive or by an operator who discards it: the row stays, with who, when and why.
ALTER TABLE dead_letters RENAME COLUMN redriven_at TO closed_at;
ALTER TABLE dead_letters ADD COLUMN outcome text CHECK (outcome IN ('redriven', 'discarded')), ADD COLUMN closed_by text, ADD COLUMN closed_reason text;
UPDATE dead_letters SET outcome = 'redriven' WHERE closed_at IS NOT NULL;

-- As before; a message that was discarded stays so, however often it is delivered again.
CREATE OR REPLACE FUNCTION dead_letter_park(
  p_group text, p_topic text, p_partition integer, p_offset bigint, p_key text, p_message_id text, p_type text, p_time_ms bigint,
  p_headers text, p_value bytea, p_reason text, p_first boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_group || ' ' || p_topic || ' ' || p_key, 3));
  INSERT INTO dead_letters AS l (queue, group_name, topic, partition, message_offset, key, message_id, type, time_ms, headers, value, reason, first)
    SELECT p_group || '.dlq', p_group, p_topic, p_partition, p_offset, p_key, p_message_id, p_type, p_time_ms, p_headers::json, p_value, p_reason, p_first
     WHERE p_first OR EXISTS (SELECT 1 FROM dead_letters d
                               WHERE d.group_name = p_group AND d.topic = p_topic AND d.key = p_key AND d.closed_at IS NULL)
    ON CONFLICT (group_name, topic, partition, message_offset) DO UPDATE
      SET closed_at = CASE WHEN l.outcome = 'discarded' THEN l.closed_at END, outcome = nullif(l.outcome, 'redriven'),
          reason = excluded.reason, first = excluded.first;
  RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION dead_letter_done(p_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  UPDATE dead_letters SET closed_at = clock_timestamp(), outcome = 'redriven', leased_until = '-infinity' WHERE id = p_id;
END
$$;

-- Ends a parked message without an effect; false where it is closed or being redriven. The inbox row makes sure of it: should
-- the message be delivered again, its handler finds that it has been here.
CREATE FUNCTION dead_letter_discard(p_id bigint, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_letter dead_letters%ROWTYPE;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  UPDATE dead_letters SET closed_at = clock_timestamp(), outcome = 'discarded', closed_by = p_by, closed_reason = p_reason
   WHERE id = p_id AND closed_at IS NULL AND leased_until < clock_timestamp() RETURNING * INTO v_letter;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO es_inbox (consumer, message_id) VALUES (v_letter.group_name, v_letter.topic || '/' || v_letter.message_id) ON CONFLICT DO NOTHING;
  RETURN true;
END
$$;

-- Where a consumer with the policy `stop` halted, and why. Open until the message has been passed.
CREATE TABLE consumer_halts (
  id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_name          text NOT NULL,
  topic               text NOT NULL,
  partition           integer NOT NULL,
  message_offset      bigint NOT NULL,
  key                 text NOT NULL,
  message_id          text NOT NULL,
  type                text NOT NULL,
  time_ms             bigint NOT NULL,
  headers             json NOT NULL,
  value               bytea NOT NULL,
  reason              text NOT NULL,
  halted_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- An operator asks the halted members to try again; a new halt takes it back.
  resume_requested_at timestamptz,
  resumed_by          text,
  -- The message is passed over: by whom, why.
  discarded_at        timestamptz,
  closed_by           text,
  closed_reason       text,
  cleared_at          timestamptz,
  UNIQUE (group_name, topic, partition, message_offset)
);
CREATE INDEX consumer_halts_open ON consumer_halts (group_name, topic, partition) WHERE cleared_at IS NULL;
