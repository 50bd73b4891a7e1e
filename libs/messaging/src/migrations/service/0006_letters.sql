-- A stranger's key may be longer than an index can hold: found by its hash.
DROP INDEX dead_letters_open;
CREATE INDEX dead_letters_open ON dead_letters (group_name, topic, md5(key), message_offset) WHERE closed_at IS NULL;
CREATE INDEX dead_letters_discarded ON dead_letters (group_name, topic, md5(message_id)) WHERE outcome = 'discarded';

-- Who redrives it now. Work that goes on after its lease has run out must not say what became of the letter.
ALTER TABLE dead_letters ADD COLUMN lease_token uuid;

-- As before; but a message that waits behind another one, and comes again, says nothing new of itself: it keeps its reason, and
-- stays closed where it was redriven in between.
CREATE OR REPLACE FUNCTION dead_letter_park(
  p_group text, p_topic text, p_partition integer, p_offset bigint, p_key text, p_message_id text, p_type text, p_time_ms bigint,
  p_headers text, p_value bytea, p_reason text, p_first boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_group || ' ' || p_topic || ' ' || p_key, 3));
  INSERT INTO dead_letters AS l (queue, group_name, topic, partition, message_offset, key, message_id, type, time_ms, headers, value, reason, first)
    SELECT p_group || '.dlq', p_group, p_topic, p_partition, p_offset, p_key, p_message_id, p_type, p_time_ms, p_headers::json, p_value, p_reason, p_first
     WHERE p_first OR EXISTS (SELECT 1 FROM dead_letters d
                               WHERE d.group_name = p_group AND d.topic = p_topic AND md5(d.key) = md5(p_key) AND d.key = p_key AND d.closed_at IS NULL)
    ON CONFLICT (group_name, topic, partition, message_offset) DO UPDATE
      SET closed_at = CASE WHEN l.outcome = 'discarded' OR NOT excluded.first THEN l.closed_at END,
          outcome = CASE WHEN l.outcome = 'discarded' OR NOT excluded.first THEN l.outcome END,
          reason = CASE WHEN excluded.first THEN excluded.reason ELSE l.reason END,
          first = l.first OR excluded.first;
  RETURN FOUND;
END
$$;

-- Ends a redriven message; false where its redrive has lost the lease, or an operator has discarded it.
CREATE FUNCTION dead_letter_done(p_id bigint, p_token uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  UPDATE dead_letters SET closed_at = clock_timestamp(), outcome = 'redriven', leased_until = '-infinity', lease_token = NULL
   WHERE id = p_id AND lease_token = p_token AND closed_at IS NULL;
  RETURN FOUND;
END
$$;

-- For programs of before, which know no token.
CREATE OR REPLACE FUNCTION dead_letter_done(p_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  UPDATE dead_letters SET closed_at = clock_timestamp(), outcome = 'redriven', leased_until = '-infinity' WHERE id = p_id AND closed_at IS NULL;
END
$$;

-- Ends a parked message without an effect; false where it is closed, is being redriven, or has had its effect since it was parked
-- (of a redrive that was slower than its lease). A copy of a message that was discarded shares its end.
CREATE OR REPLACE FUNCTION dead_letter_discard(p_id bigint, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_letter dead_letters%ROWTYPE;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  SELECT * INTO v_letter FROM dead_letters WHERE id = p_id AND closed_at IS NULL AND leased_until < clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF NOT EXISTS (SELECT FROM dead_letters d WHERE d.group_name = v_letter.group_name AND d.topic = v_letter.topic AND d.outcome = 'discarded'
                   AND md5(d.message_id) = md5(v_letter.message_id) AND d.message_id = v_letter.message_id)
     AND NOT message_pass_over(v_letter.group_name, v_letter.topic, v_letter.message_id, v_letter.parked_at) THEN
    RETURN false;
  END IF;
  UPDATE dead_letters SET closed_at = clock_timestamp(), outcome = 'discarded', closed_by = p_by, closed_reason = p_reason, lease_token = NULL WHERE id = p_id;
  RETURN true;
END
$$;
