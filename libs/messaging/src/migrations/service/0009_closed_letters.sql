-- As before, but what is closed stays closed when the same message comes again, also where it fails again by itself: it has had its
-- effect, or an operator has said that it has none. Kafka delivers it again seconds after a kill; a redrive that was faster was
-- taken back by that, though the effect of what waited behind it stood already.
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
      SET closed_at = CASE WHEN l.message_id = excluded.message_id OR l.outcome = 'discarded' OR NOT excluded.first THEN l.closed_at END,
          outcome = CASE WHEN l.message_id = excluded.message_id OR l.outcome = 'discarded' OR NOT excluded.first THEN l.outcome END,
          reason = CASE WHEN excluded.first AND l.closed_at IS NULL THEN excluded.reason ELSE l.reason END,
          first = l.first OR excluded.first;
  RETURN FOUND;
END
$$;
