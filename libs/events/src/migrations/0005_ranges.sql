-- What a batch no longer pays for, measured with `npm run bench -- event-store`: a row and two index entries in es_position and
-- a row that came and went in es_unsequenced, for each event. Events that follow one another now share both, as a range:
-- `events` numbers from `seq` on have positions from `position` on.
ALTER TABLE es_unsequenced ADD COLUMN events integer NOT NULL DEFAULT 1 CHECK (events > 0);
ALTER TABLE es_position ADD COLUMN events integer NOT NULL DEFAULT 1 CHECK (events > 0);

-- Insertion numbers for one append or one group, drawn at once: while their rows are written, others draw theirs, and numbers
-- drawn one by one would leave hardly two neighbours together. Drawn under the streams' locks (see es_append).
CREATE FUNCTION es_numbers(p_count integer) RETURNS bigint[] LANGUAGE sql VOLATILE
AS $$ SELECT ARRAY(SELECT nextval('es_event_seq_seq') FROM generate_series(1, p_count)) $$;

-- Leaves written events to es_sequence; others may have drawn numbers in between.
CREATE FUNCTION es_leave(p_seqs bigint[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_count integer := array_length(p_seqs, 1);
BEGIN
  IF p_seqs[v_count] - p_seqs[1] = v_count - 1 THEN
    INSERT INTO es_unsequenced (seq, events) VALUES (p_seqs[1], v_count);
  ELSE
    INSERT INTO es_unsequenced (seq, events)
    SELECT min(s.seq), count(*) FROM (SELECT u.seq, u.seq - row_number() OVER (ORDER BY u.seq) AS island FROM unnest(p_seqs) AS u (seq)) s GROUP BY s.island;
  END IF;
END
$$;

-- All events, wherever they lie; position is null until es_sequence has given one.
CREATE OR REPLACE VIEW es_history AS
  SELECT e.seq, e.stream_id, e.version, p.position + (e.seq - p.seq) AS position, e.event_id, e.type, e.schema_version, e.data, e.metadata, e.recorded_at_ms
  FROM es_event e
  LEFT JOIN LATERAL (SELECT r.position, r.seq, r.events FROM es_position r WHERE r.seq <= e.seq ORDER BY r.seq DESC LIMIT 1) p ON e.seq < p.seq + p.events
  UNION ALL
  SELECT a.seq, a.stream_id, a.version, a.position, a.event_id, a.type, a.schema_version, a.data, a.metadata, a.recorded_at_ms
  FROM es_event_archive a;
COMMENT ON VIEW es_history IS 'read-only: es_event with es_position, and es_event_archive';

-- The last position that was given; 0 in an empty log.
CREATE FUNCTION es_head() RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT coalesce((SELECT p.position + p.events - 1 FROM public.es_position p ORDER BY p.position DESC LIMIT 1), 0) $$;

-- Gives the next positions to the committed events of about p_max ranges and wakes the readers; returns how many ranges there
-- were. One at a time: the lock is taken before the statement that looks, so that it sees what the one before has done.
CREATE OR REPLACE FUNCTION es_sequence(p_max integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_head bigint;
  v_last bigint;
  v_ranges integer;
  v_events bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(20250, 1);
  -- One snapshot for both statements would do; the second one sees at least what the first one saw, and numbers it in order.
  SELECT max(u.seq) INTO v_last FROM (SELECT seq FROM es_unsequenced ORDER BY seq LIMIT p_max) u;
  IF v_last IS NULL THEN
    RETURN 0;
  END IF;
  v_head := es_head();
  WITH taken AS (
    DELETE FROM es_unsequenced WHERE seq <= v_last RETURNING seq, events
  ), counted AS (
    SELECT t.seq, t.events, sum(t.events) OVER (ORDER BY t.seq) - t.events AS before FROM taken t
  ), written AS (
    -- Where no number is missing between two ranges, number and count grow alike, and they are one.
    INSERT INTO es_position (position, seq, events)
    SELECT v_head + 1 + min(c.before), min(c.seq), sum(c.events) FROM counted c GROUP BY c.seq - c.before
  )
  SELECT count(*), sum(c.events) INTO v_ranges, v_events FROM counted c;
  -- Here and not in the append: a notifying transaction takes a lock of the whole server at its commit.
  IF v_ranges > 0 THEN
    PERFORM pg_notify('es_position', (v_head + v_events)::text);
  END IF;
  RETURN v_ranges;
END
$$;

-- As before, with its numbers drawn at once.
CREATE OR REPLACE FUNCTION es_append(
  p_stream text, p_expected integer,
  p_event_ids uuid[], p_types text[], p_schema_versions integer[], p_data text[], p_metadata text, p_recorded_at_ms bigint,
  p_key json, p_inbox json, p_effects json
) RETURNS TABLE (status text, version integer) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_count integer := coalesce(array_length(p_types, 1), 0);
  v_current integer;
  v_claim text;
  v_seqs bigint[];
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
    v_seqs := es_numbers(v_count);
    p_recorded_at_ms := coalesce(p_recorded_at_ms, es_now_ms());
    INSERT INTO es_event (seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) OVERRIDING SYSTEM VALUE
    SELECT e.seq, p_stream, v_current + e.n, e.id, e.type, e.schema_version, e.data::json, p_metadata::json, p_recorded_at_ms
    FROM unnest(v_seqs, p_event_ids, p_types, p_schema_versions, p_data) WITH ORDINALITY AS e (seq, id, type, schema_version, data, n);
    PERFORM es_leave(v_seqs);
  END IF;
  IF p_effects IS NOT NULL THEN
    PERFORM es_effects(p_effects);
  END IF;
  RETURN QUERY SELECT 'appended'::text, v_current + v_count;
END
$$;

-- Several streams' appends in one transaction, each as es_append does it, and each refused by itself: commits are what a small
-- append costs most. Two things make it safe although es_append says one stream per transaction:
-- * No lock is waited for. A stream whose lock somebody else has is answered 'busy' and left out, so that two groups cannot wait
--   for each other, and nobody's long transaction holds the others of a group up.
-- * All locks are taken before anything is read or numbered, and kept until the commit; so inside each stream insertion numbers
--   follow the versions. A stream occurs once in a group.
-- p_metadata, p_keys, p_inboxes, p_effects: an element per append (null where it has none; the whole null where none has one).
-- p_counts: how many events each append has; they follow one another in p_event_ids to p_data.
-- p_clock_ms: what the caller took the database's clock to be when it sent this; where that is wrong by more than 2 s, the
-- append is answered 'clock'. Null where it was decided by the clock itself.
-- A key that is in use after an inbox row was written raises SK001; the caller then repeats each append alone.
DROP FUNCTION es_append_group(text[], integer[], json, bigint[], json, json, json, integer[], integer[], uuid[], text[], integer[], text);
CREATE FUNCTION es_append_group(
  p_streams text[], p_expected integer[], p_metadata json[], p_recorded_at_ms bigint[], p_clock_ms bigint[], p_keys json[], p_inboxes json[], p_effects json[],
  p_counts integer[], p_event_ids uuid[], p_types text[], p_schema_versions integer[], p_data json[]
) RETURNS TABLE (status text, version integer) LANGUAGE plpgsql VOLATILE AS $$
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
  SELECT array_agg(pg_try_advisory_xact_lock(hashtextextended(s.stream, 0)) ORDER BY s.n) INTO v_locked
  FROM unnest(p_streams) WITH ORDINALITY AS s (stream, n);
  -- The snapshot of this statement is younger than the locks.
  SELECT array_agg(coalesce((SELECT i.version FROM es_event i WHERE i.stream_id = s.stream ORDER BY i.version DESC LIMIT 1), 0) ORDER BY s.n) INTO v_current
  FROM unnest(p_streams) WITH ORDINALITY AS s (stream, n);
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
    v_seqs := es_numbers(v_total);
    INSERT INTO es_event (seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) OVERRIDING SYSTEM VALUE
    SELECT v_seqs[row_number() OVER (ORDER BY e.n)], p_streams[e.nr], v_base[e.nr] + e.n, e.id, e.type, e.schema_version, e.data, p_metadata[e.nr],
      coalesce(p_recorded_at_ms[e.nr], v_now_ms)
    FROM unnest(v_of, p_event_ids, p_types, p_schema_versions, p_data) WITH ORDINALITY AS e (nr, id, type, schema_version, data, n)
    WHERE v_base[e.nr] IS NOT NULL
    ORDER BY e.n;
    PERFORM es_leave(v_seqs);
  END IF;
  IF p_effects IS NOT NULL THEN
    FOR i IN 1 .. array_length(p_streams, 1) LOOP
      IF v_status[i] = 'appended' AND p_effects[i] IS NOT NULL THEN
        PERFORM es_effects(p_effects[i]);
      END IF;
    END LOOP;
  END IF;
  RETURN QUERY SELECT s.status, CASE WHEN s.status = 'appended' THEN s.current + s.events ELSE s.current END
    FROM unnest(v_status, v_current, p_counts) WITH ORDINALITY AS s (status, current, events, n) ORDER BY s.n;
END
$$;

-- Moves at most p_max of a stream's events into the archive, the first ones first, never the last one; returns how many.
-- The app role may do this and nothing else to events that are written: they are neither changed nor lost, and one statement
-- moves an event, so every reader's snapshot has it in exactly one of the two places. A range that has lost its last event goes,
-- so that readers need not pass it; two archivists of streams that share one may leave it, which costs that and no more.
CREATE OR REPLACE FUNCTION es_archive(p_stream text, p_max integer) RETURNS integer LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_last integer;
  v_count integer;
  v_ranges bigint[];
BEGIN
  -- One archivist per stream. Appends need not wait: they only add behind the last event.
  PERFORM pg_advisory_xact_lock(20251, hashtext(p_stream));
  -- The last one with a position: it may be the log's last one, and the sequencer goes on from there.
  SELECT max(e.version) INTO v_last FROM es_event e
  WHERE e.stream_id = p_stream AND e.seq < (SELECT r.seq + r.events FROM es_position r WHERE r.seq <= e.seq ORDER BY r.seq DESC LIMIT 1);
  WITH chosen AS (
    SELECT e.seq, p.position AS range, p.position + (e.seq - p.seq) AS position
    FROM es_event e
    JOIN LATERAL (SELECT r.position, r.seq, r.events FROM es_position r WHERE r.seq <= e.seq ORDER BY r.seq DESC LIMIT 1) p ON e.seq < p.seq + p.events
    WHERE e.stream_id = p_stream AND e.version < v_last ORDER BY e.version LIMIT p_max
  ), taken AS (
    DELETE FROM es_event e USING chosen c WHERE e.seq = c.seq RETURNING c.range, c.position, e.*
  ), kept AS (
    INSERT INTO es_event_archive (position, seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
    SELECT t.position, t.seq, t.stream_id, t.version, t.event_id, t.type, t.schema_version, t.data, t.metadata, t.recorded_at_ms FROM taken t
  )
  SELECT count(*), array_agg(DISTINCT t.range) INTO v_count, v_ranges FROM taken t;
  DELETE FROM es_position p
  WHERE p.position = ANY (v_ranges) AND NOT EXISTS (SELECT FROM es_event e WHERE e.seq >= p.seq AND e.seq < p.seq + p.events);
  RETURN v_count;
END
$$;
