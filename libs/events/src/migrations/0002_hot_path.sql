-- What the append path no longer pays for, measured with `npm run bench -- event-store`.

-- A position's event exists, because its number was written in the event's own transaction and events are not deleted without
-- their position. The key locked every event's row once more, when the sequencer numbered it.
ALTER TABLE es_position DROP CONSTRAINT es_position_seq_fkey;

-- The same limit without a copy of every payload: a value on its way into a table is not compressed yet and has 4 bytes of its own.
ALTER TABLE es_event DROP CONSTRAINT es_event_size;
ALTER TABLE es_event ADD CONSTRAINT es_event_size CHECK (pg_column_size(data) <= 65540) NOT VALID;

-- A queue: it must be swept often, however small a part of what went through it is there at a time.
ALTER TABLE es_unsequenced SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);

-- The commonest append, one event and nothing else, without arrays. Answers the new version; minus one minus the actual version
-- where that is not the expected one; null where the stream's lock is somebody else's just now.
CREATE FUNCTION es_append_one(
  p_stream text, p_expected integer, p_event_id uuid, p_type text, p_schema_version integer, p_data text, p_metadata text, p_recorded_at_ms bigint
) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_current integer;
  v_seq bigint;
BEGIN
  -- A statement of its own: the next one's snapshot has to be younger than the lock (see es_append).
  IF NOT pg_try_advisory_xact_lock(hashtextextended(p_stream, 0)) THEN
    RETURN NULL;
  END IF;
  SELECT e.version INTO v_current FROM es_event e WHERE e.stream_id = p_stream ORDER BY e.version DESC LIMIT 1;
  v_current := coalesce(v_current, 0);
  IF (p_expected >= 0 AND v_current <> p_expected) OR (p_expected = -2 AND v_current = 0) THEN
    RETURN -1 - v_current;
  END IF;
  INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
  VALUES (p_stream, v_current + 1, p_event_id, p_type, p_schema_version, p_data::json, p_metadata::json, coalesce(p_recorded_at_ms, es_now_ms()))
  RETURNING seq INTO v_seq;
  INSERT INTO es_unsequenced (seq) VALUES (v_seq);
  RETURN v_current + 1;
END
$$;

-- Several streams' appends in one transaction, each as es_append does it, and each refused by itself: commits are what a small
-- append costs most. Two things make it safe although es_append says one stream per transaction:
-- * No lock is waited for. A stream whose lock somebody else has is answered 'busy' and left out, so that two groups cannot wait
--   for each other, and nobody's long transaction holds the others of a group up.
-- * All locks are taken before anything is read, and kept until the commit; so inside each stream insertion numbers follow the
--   versions. A stream occurs once in a group.
-- p_metadata, p_keys, p_inboxes, p_effects: JSON arrays with an element per append (null where it has none; the whole null where
-- none has one). p_of, p_nth: to which append (from 1) each event belongs and which one of it (from 1) it is. p_data: JSON array.
-- A key that is in use after an inbox row was written raises SK001; the caller then repeats each append alone.
CREATE FUNCTION es_append_group(
  p_streams text[], p_expected integer[], p_metadata json, p_recorded_at_ms bigint[], p_keys json, p_inboxes json, p_effects json,
  p_of integer[], p_nth integer[], p_event_ids uuid[], p_types text[], p_schema_versions integer[], p_data text
) RETURNS TABLE (status text, version integer) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_locked boolean[];
  v_current integer[];
  v_counts integer[];
  v_metadata json[];
  v_status text[] := '{}';
  v_base integer[] := '{}';
  v_effects json;
BEGIN
  SELECT array_agg(pg_try_advisory_xact_lock(hashtextextended(s.stream, 0)) ORDER BY s.n) INTO v_locked
  FROM unnest(p_streams) WITH ORDINALITY AS s (stream, n);
  -- The snapshot of this statement is younger than the locks.
  SELECT array_agg(coalesce(e.version, 0) ORDER BY s.n), array_agg(s.events ORDER BY s.n), array_agg(s.metadata ORDER BY s.n)
  INTO v_current, v_counts, v_metadata
  FROM (
    SELECT u.n, u.stream, u.metadata, (SELECT count(*)::integer FROM unnest(p_of) AS o WHERE o = u.n) AS events
    FROM ROWS FROM (unnest(p_streams), json_array_elements(p_metadata)) WITH ORDINALITY AS u (stream, metadata, n)
  ) s LEFT JOIN LATERAL (SELECT i.version FROM es_event i WHERE i.stream_id = s.stream ORDER BY i.version DESC LIMIT 1) e ON true;
  FOR i IN 1 .. array_length(p_streams, 1) LOOP
    v_status[i] := CASE
      WHEN NOT v_locked[i] THEN 'busy'
      WHEN (p_expected[i] >= 0 AND v_current[i] <> p_expected[i]) OR (p_expected[i] = -2 AND v_current[i] = 0) THEN 'conflict'
      ELSE 'appended'
    END;
    IF v_status[i] = 'appended' AND v_counts[i] > 256 THEN
      RAISE EXCEPTION 'at most 256 events in one append, not %', v_counts[i] USING ERRCODE = 'program_limit_exceeded';
    END IF;
    IF v_status[i] = 'appended' AND (p_keys IS NOT NULL OR p_inboxes IS NOT NULL) THEN
      v_status[i] := es_claim(p_streams[i], v_current[i] + v_counts[i], p_keys->(i - 1), p_inboxes->(i - 1));
    END IF;
    v_base[i] := CASE WHEN v_status[i] = 'appended' THEN v_current[i] END;
  END LOOP;
  WITH written AS (
    INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
    SELECT p_streams[e.nr], v_base[e.nr] + e.nth, e.id, e.type, e.schema_version, e.data, v_metadata[e.nr], coalesce(p_recorded_at_ms[e.nr], es_now_ms())
    FROM ROWS FROM (unnest(p_of), unnest(p_nth), unnest(p_event_ids), unnest(p_types), unnest(p_schema_versions), json_array_elements(p_data::json))
      WITH ORDINALITY AS e (nr, nth, id, type, schema_version, data, n)
    WHERE v_base[e.nr] IS NOT NULL
    ORDER BY e.n
    RETURNING seq
  )
  INSERT INTO es_unsequenced (seq) SELECT w.seq FROM written w;
  IF p_effects IS NOT NULL THEN
    FOR i IN 1 .. array_length(p_streams, 1) LOOP
      v_effects := p_effects->(i - 1);
      IF v_status[i] = 'appended' AND json_typeof(v_effects) = 'array' THEN
        PERFORM es_effects(v_effects);
      END IF;
    END LOOP;
  END IF;
  RETURN QUERY SELECT s.status, CASE WHEN s.status = 'appended' THEN s.current + s.events ELSE s.current END
    FROM ROWS FROM (unnest(v_status), unnest(v_current), unnest(v_counts)) WITH ORDINALITY AS s (status, current, events, n) ORDER BY s.n;
END
$$;

-- Inbox row and idempotency key of one append: 'appended' where both were free, otherwise what was not.
CREATE FUNCTION es_claim(p_stream text, p_version integer, p_key json, p_inbox json) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF json_typeof(p_inbox) = 'object' THEN
    INSERT INTO es_inbox (consumer, message_id) VALUES (p_inbox->>'consumer', p_inbox->>'messageId') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN 'inbox';
    END IF;
  END IF;
  IF json_typeof(p_key) = 'object' THEN
    INSERT INTO es_idempotency AS k (scope, key, request_hash, stream_id, version, answer, recorded_at_ms, expires_at)
    VALUES (p_key->>'scope', p_key->>'key', p_key->>'requestHash', p_stream, p_version, p_key->'answer', es_now_ms(),
            CASE WHEN (p_key->>'forever')::boolean THEN NULL ELSE clock_timestamp() + interval '7 days' END)
    ON CONFLICT (scope, key) DO UPDATE
      SET request_hash = excluded.request_hash, stream_id = excluded.stream_id, version = excluded.version, answer = excluded.answer,
          recorded_at_ms = excluded.recorded_at_ms, expires_at = excluded.expires_at
      WHERE k.expires_at <= clock_timestamp();
    IF NOT FOUND THEN
      -- Raised, not returned, where an inbox row was written above: it has to go.
      IF json_typeof(p_inbox) = 'object' THEN
        RAISE EXCEPTION 'idempotency key in use' USING ERRCODE = 'SK001';
      END IF;
      RETURN 'key';
    END IF;
  END IF;
  RETURN 'appended';
END
$$;

-- As before, with the part that it shares with es_append_group.
CREATE OR REPLACE FUNCTION es_append(
  p_stream text, p_expected integer,
  p_event_ids uuid[], p_types text[], p_schema_versions integer[], p_data text[], p_metadata text, p_recorded_at_ms bigint,
  p_key json, p_inbox json, p_effects json
) RETURNS TABLE (status text, version integer) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_count integer := coalesce(array_length(p_types, 1), 0);
  v_current integer;
  v_claim text;
BEGIN
  IF v_count > 256 THEN
    RAISE EXCEPTION 'at most 256 events in one append, not %', v_count USING ERRCODE = 'program_limit_exceeded';
  END IF;
  -- Before anything is read or written: otherwise a writer that waited here would go on with what it read before, and its
  -- lower insertion numbers could be committed after the higher ones of the writer it waited for. Each statement of this
  -- function has a new snapshot, so the version read below is the one that the lock protects.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_stream, 0));
  SELECT e.version INTO v_current FROM es_event e WHERE e.stream_id = p_stream ORDER BY e.version DESC LIMIT 1;
  v_current := coalesce(v_current, 0);
  IF (p_expected >= 0 AND v_current <> p_expected) OR (p_expected = -2 AND v_current = 0) THEN
    RETURN QUERY SELECT 'conflict'::text, v_current;
    RETURN;
  END IF;
  IF p_key IS NOT NULL OR p_inbox IS NOT NULL THEN
    v_claim := es_claim(p_stream, v_current + v_count, p_key, p_inbox);
    IF v_claim <> 'appended' THEN
      RETURN QUERY SELECT v_claim, v_current;
      RETURN;
    END IF;
  END IF;
  IF v_count > 0 THEN
    WITH written AS (
      INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
      SELECT p_stream, v_current + e.n, e.id, e.type, e.schema_version, e.data::json, p_metadata::json, coalesce(p_recorded_at_ms, es_now_ms())
      FROM unnest(p_event_ids, p_types, p_schema_versions, p_data) WITH ORDINALITY AS e (id, type, schema_version, data, n)
      ORDER BY e.n
      RETURNING seq
    )
    INSERT INTO es_unsequenced (seq) SELECT w.seq FROM written w;
  END IF;
  IF p_effects IS NOT NULL THEN
    PERFORM es_effects(p_effects);
  END IF;
  RETURN QUERY SELECT 'appended'::text, v_current + v_count;
END
$$;

-- Gives the next positions to about p_max committed events and wakes the readers; returns how many it numbered.
-- One at a time: the lock is taken before the statement that looks, so that it sees what the one before has done.
CREATE OR REPLACE FUNCTION es_sequence(p_max integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_head bigint;
  v_count integer;
  v_last bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(20250, 1);
  -- One snapshot for both statements would do; the second one sees at least what the first one saw, and numbers it in order.
  SELECT max(u.seq) INTO v_last FROM (SELECT seq FROM es_unsequenced ORDER BY seq LIMIT p_max) u;
  IF v_last IS NULL THEN
    RETURN 0;
  END IF;
  SELECT p.position INTO v_head FROM es_position p ORDER BY p.position DESC LIMIT 1;
  WITH taken AS (
    DELETE FROM es_unsequenced WHERE seq <= v_last RETURNING seq
  )
  INSERT INTO es_position (position, seq) SELECT coalesce(v_head, 0) + row_number() OVER (ORDER BY seq), seq FROM taken;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  -- Here and not in the append: a notifying transaction takes a lock of the whole server at its commit.
  IF v_count > 0 THEN
    PERFORM pg_notify('es_position', (coalesce(v_head, 0) + v_count)::text);
  END IF;
  RETURN v_count;
END
$$;
