-- What an operator has mended of a message that was refused before it was decoded: headers in the place of those that came, or that
-- it may be larger than the limit. The newest repair of a place counts, for redrives and for whoever reads the log there again.
CREATE TABLE message_repairs (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_name     text NOT NULL,
  topic          text NOT NULL,
  partition      integer NOT NULL,
  message_offset bigint NOT NULL,
  -- Of what came: a log that was made anew has another message there.
  digest         bytea NOT NULL,
  headers        json NOT NULL,
  oversize       boolean NOT NULL,
  repaired_by    text NOT NULL,
  reason         text NOT NULL,
  repaired_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE message_repairs IS 'insert-only: who has mended what, and why';
CREATE INDEX message_repairs_place ON message_repairs (group_name, topic, partition, message_offset, id DESC);

-- False: only its place, key and type are kept here; the rest is read again from the log.
ALTER TABLE dead_letters ADD COLUMN whole boolean NOT NULL DEFAULT true;
ALTER TABLE consumer_halts ADD COLUMN whole boolean NOT NULL DEFAULT true;

-- As before, of a message that is not kept whole.
CREATE FUNCTION dead_letter_park(
  p_group text, p_topic text, p_partition integer, p_offset bigint, p_key text, p_message_id text, p_type text, p_time_ms bigint,
  p_headers text, p_value bytea, p_reason text, p_first boolean, p_whole boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF NOT dead_letter_park(p_group, p_topic, p_partition, p_offset, p_key, p_message_id, p_type, p_time_ms, p_headers, p_value, p_reason, p_first) THEN
    RETURN false;
  END IF;
  IF NOT p_whole THEN
    UPDATE dead_letters SET whole = false WHERE group_name = p_group AND topic = p_topic AND partition = p_partition AND message_offset = p_offset;
  END IF;
  RETURN true;
END
$$;

-- As before, with who asked for the redrive.
CREATE FUNCTION dead_letter_done(p_id bigint, p_token uuid, p_by text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF NOT dead_letter_done(p_id, p_token) THEN
    RETURN false;
  END IF;
  UPDATE dead_letters SET closed_by = p_by WHERE id = p_id;
  RETURN true;
END
$$;

-- The id under which a message takes effect: that of its newest repair, where there is one.
CREATE FUNCTION message_effective_id(p_group text, p_topic text, p_partition integer, p_offset bigint, p_message_id text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT r.headers ->> 'ce_id' FROM message_repairs r
                    WHERE r.group_name = p_group AND r.topic = p_topic AND r.partition = p_partition AND r.message_offset = p_offset
                    ORDER BY r.id DESC LIMIT 1), p_message_id)
$$;

-- As before, by the id under which it would take effect.
CREATE OR REPLACE FUNCTION dead_letter_discard(p_id bigint, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_letter dead_letters%ROWTYPE;
  v_message_id text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(group_name || ' ' || topic || ' ' || key, 3)) FROM dead_letters WHERE id = p_id;
  SELECT * INTO v_letter FROM dead_letters WHERE id = p_id AND closed_at IS NULL AND leased_until < clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  v_message_id := message_effective_id(v_letter.group_name, v_letter.topic, v_letter.partition, v_letter.message_offset, v_letter.message_id);
  IF NOT EXISTS (SELECT FROM dead_letters d WHERE d.group_name = v_letter.group_name AND d.topic = v_letter.topic AND d.outcome = 'discarded'
                   AND md5(d.message_id) = md5(v_message_id) AND d.message_id = v_message_id)
     AND NOT message_pass_over(v_letter.group_name, v_letter.topic, v_message_id, v_letter.parked_at) THEN
    RETURN false;
  END IF;
  UPDATE dead_letters SET closed_at = clock_timestamp(), outcome = 'discarded', closed_by = p_by, closed_reason = p_reason, lease_token = NULL WHERE id = p_id;
  RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION consumer_halt_discard(p_id bigint, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_halt consumer_halts%ROWTYPE;
BEGIN
  SELECT * INTO v_halt FROM consumer_halts WHERE id = p_id AND cleared_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF v_halt.discarded_at IS NULL AND NOT message_pass_over(v_halt.group_name, v_halt.topic,
       message_effective_id(v_halt.group_name, v_halt.topic, v_halt.partition, v_halt.message_offset, v_halt.message_id), v_halt.halted_at) THEN
    RETURN false;
  END IF;
  UPDATE consumer_halts SET discarded_at = coalesce(discarded_at, clock_timestamp()), closed_by = coalesce(closed_by, p_by),
         closed_reason = coalesce(closed_reason, p_reason), resume_requested_at = clock_timestamp(), resumed_by = p_by
   WHERE id = p_id;
  RETURN true;
END
$$;
