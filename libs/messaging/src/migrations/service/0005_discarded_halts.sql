-- What an operator has discarded must never take effect, whoever delivers it again and at whatever offset: the inbox row is what
-- every handler looks at in the transaction of its effect, so whoever writes it first has decided. True where no effect has come
-- of the message since it failed; an older row is that of another message with its id, which is what it may have failed for.
CREATE FUNCTION message_pass_over(p_group text, p_topic text, p_message_id text, p_failed_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  -- Refused before any handler sees it, and longer than an index can hold.
  IF octet_length(p_message_id) > 255 THEN
    RETURN true;
  END IF;
  INSERT INTO es_inbox (consumer, message_id) VALUES (p_group, p_topic || '/' || p_message_id) ON CONFLICT DO NOTHING;
  -- In a statement of its own: the insert may have waited for a handler that has committed since this one began.
  RETURN FOUND OR EXISTS (SELECT FROM es_inbox WHERE consumer = p_group AND message_id = p_topic || '/' || p_message_id AND received_at < p_failed_at);
END
$$;

-- Lets a group pass over the message that it halts at; false where that halt is not open, or where the message has had its effect
-- by now (a resumed member is at it). Repeated before the group has passed, it answers as the first time.
CREATE FUNCTION consumer_halt_discard(p_id bigint, p_by text, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_halt consumer_halts%ROWTYPE;
BEGIN
  SELECT * INTO v_halt FROM consumer_halts WHERE id = p_id AND cleared_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF v_halt.discarded_at IS NULL AND NOT message_pass_over(v_halt.group_name, v_halt.topic, v_halt.message_id, v_halt.halted_at) THEN
    RETURN false;
  END IF;
  UPDATE consumer_halts SET discarded_at = coalesce(discarded_at, clock_timestamp()), closed_by = coalesce(closed_by, p_by),
         closed_reason = coalesce(closed_reason, p_reason), resume_requested_at = clock_timestamp(), resumed_by = p_by
   WHERE id = p_id;
  RETURN true;
END
$$;

-- Those discarded before now: their inbox rows, where nobody has been faster.
INSERT INTO es_inbox (consumer, message_id)
  SELECT group_name, topic || '/' || message_id FROM consumer_halts WHERE discarded_at IS NOT NULL AND octet_length(message_id) <= 255
  ON CONFLICT DO NOTHING;

-- A discarded message is passed over whenever it comes, not only until it has been passed for the first time.
DROP INDEX consumer_halts_open;
CREATE INDEX consumer_halts_open ON consumer_halts (group_name, topic, partition, message_offset) WHERE cleared_at IS NULL OR discarded_at IS NOT NULL;
