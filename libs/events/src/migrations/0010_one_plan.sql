-- What a group, and every command with a key, an inbox row or effects, no longer pays for, measured as processor time of its backend:
-- plans. The planner takes an array that it does not know for one of ten elements, so for each group of fewer it finds a plan
-- made for that group cheaper, and makes one again: that cost more than carrying it out. Every query here has one good plan,
-- which is made once per connection; not one that reads all of a table because that was small when it was made. Calls of
-- functions that are one statement are that statement, and the answer is no query.
-- Everything else is as in 0005: see there for why it is safe.
CREATE OR REPLACE FUNCTION es_append_group(
  p_streams text[], p_expected integer[], p_metadata json[], p_recorded_at_ms bigint[], p_clock_ms bigint[], p_keys json[], p_inboxes json[], p_effects json[],
  p_counts integer[], p_event_ids uuid[], p_types text[], p_schema_versions integer[], p_data json[]
) RETURNS TABLE (status text, version integer) LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  v_locked boolean[];
  v_current integer[];
  v_status text[] := '{}';
  v_of integer[] := '{}';
  v_base integer[] := '{}';
  v_now_ms bigint := es_now_ms();
  v_offset integer := 0;
  v_total integer := 0;
  v_seqs bigint[];
BEGIN
  v_locked := ARRAY(SELECT pg_try_advisory_xact_lock(hashtextextended(s.stream, 0)) FROM unnest(p_streams) AS s (stream));
  -- A statement of its own, whose snapshot is younger than the locks.
  v_current := ARRAY(SELECT coalesce((SELECT i.version FROM es_event i WHERE i.stream_id = s.stream ORDER BY i.version DESC LIMIT 1), 0) FROM unnest(p_streams) AS s (stream));
  FOR i IN 1 .. array_length(p_streams, 1) LOOP
    v_status[i] := CASE
      WHEN NOT v_locked[i] THEN 'busy'
      WHEN (p_expected[i] >= 0 AND v_current[i] <> p_expected[i]) OR (p_expected[i] = -2 AND v_current[i] = 0) THEN 'conflict'
      WHEN abs(v_now_ms - p_clock_ms[i]) > 2000 THEN 'clock'
      ELSE 'appended'
    END;
    IF p_counts[i] > 256 THEN
      RAISE EXCEPTION 'at most 256 events in one append, not %', p_counts[i] USING ERRCODE = 'program_limit_exceeded';
    END IF;
    IF v_status[i] = 'appended' AND (p_keys IS NOT NULL OR p_inboxes IS NOT NULL) THEN
      v_status[i] := es_claim(p_streams[i], v_current[i] + p_counts[i], p_keys[i], p_inboxes[i]);
    END IF;
    IF v_status[i] = 'appended' THEN
      -- An event's version is this and its place among all events of the group.
      v_base[i] := v_current[i] - v_offset;
      v_total := v_total + p_counts[i];
    END IF;
    v_of := v_of || array_fill(i, ARRAY[p_counts[i]]);
    v_offset := v_offset + p_counts[i];
  END LOOP;
  IF v_total > 0 THEN
    v_seqs := ARRAY(SELECT nextval('es_event_seq_seq') FROM generate_series(1, v_total));
    INSERT INTO es_event (seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) OVERRIDING SYSTEM VALUE
    SELECT v_seqs[row_number() OVER (ORDER BY e.n)], p_streams[e.nr], v_base[e.nr] + e.n, e.id, e.type, e.schema_version, e.data, p_metadata[e.nr],
      coalesce(p_recorded_at_ms[e.nr], v_now_ms)
    FROM unnest(v_of, p_event_ids, p_types, p_schema_versions, p_data) WITH ORDINALITY AS e (nr, id, type, schema_version, data, n)
    WHERE v_base[e.nr] IS NOT NULL
    ORDER BY e.n;
    IF v_seqs[v_total] - v_seqs[1] = v_total - 1 THEN
      INSERT INTO es_unsequenced (seq, events) VALUES (v_seqs[1], v_total);
    ELSE
      PERFORM es_leave(v_seqs);
    END IF;
  END IF;
  IF p_effects IS NOT NULL THEN
    FOR i IN 1 .. array_length(p_streams, 1) LOOP
      IF v_status[i] = 'appended' AND p_effects[i] IS NOT NULL THEN
        PERFORM es_effects(p_effects[i]);
      END IF;
    END LOOP;
  END IF;
  FOR i IN 1 .. array_length(p_streams, 1) LOOP
    status := v_status[i];
    version := v_current[i] + CASE WHEN v_status[i] = 'appended' THEN p_counts[i] ELSE 0 END;
    RETURN NEXT;
  END LOOP;
END
$$;
