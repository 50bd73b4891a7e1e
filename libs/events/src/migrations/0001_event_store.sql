-- Events, insert-only. `seq` is the order of insertion: inside a stream it follows the versions, because a writer holds the
-- stream's lock from before its first read until its commit.
CREATE TABLE es_event (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stream_id text NOT NULL CHECK (stream_id <> '' AND length(stream_id) <= 255),
  version integer NOT NULL CHECK (version > 0),
  event_id uuid NOT NULL CONSTRAINT es_event_id UNIQUE,
  type text NOT NULL,
  schema_version integer NOT NULL CHECK (schema_version > 0),
  -- json, not jsonb: the text stays as written, so that a replay reads the same numbers.
  data json NOT NULL CONSTRAINT es_event_size CHECK (octet_length(data::text) <= 65536),
  metadata json NOT NULL,
  recorded_at_ms bigint NOT NULL,
  CONSTRAINT es_event_version UNIQUE (stream_id, version)
);
COMMENT ON TABLE es_event IS 'insert-only: events as they happened';

-- Gapless order of all events, given by es_sequence to committed rows only.
CREATE TABLE es_position (
  position bigint PRIMARY KEY,
  seq bigint NOT NULL UNIQUE REFERENCES es_event
);
COMMENT ON TABLE es_position IS 'insert-only: order of events for readers';

-- Events without a position yet; written with the event, removed by es_sequence.
CREATE TABLE es_unsequenced (seq bigint PRIMARY KEY);

CREATE TABLE es_idempotency (
  scope text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  stream_id text NOT NULL,
  version integer NOT NULL,
  answer json,
  recorded_at_ms bigint NOT NULL,
  -- null: kept for ever
  expires_at timestamptz,
  PRIMARY KEY (scope, key)
);
CREATE INDEX es_idempotency_expiry ON es_idempotency (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE es_inbox (
  consumer text NOT NULL,
  message_id text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (consumer, message_id)
);

CREATE TABLE es_subscription (
  name text PRIMARY KEY,
  position bigint NOT NULL DEFAULT 0,
  -- Version and table definitions of the projection whose rows these are; null for reactors and publications.
  projection_version integer,
  projection_hash text,
  lease_owner uuid,
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  -- The owner's listening connection: where it is gone, so is the owner (es_session_alive).
  lease_pid integer,
  lease_pid_started timestamptz
);

CREATE TABLE es_job (
  id text PRIMARY KEY,
  kind text NOT NULL,
  payload json NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  progress json,
  error text,
  -- Open jobs are free from this time on: now, the end of a back-off, or the end of a lease.
  available_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_token uuid,
  lease_pid integer,
  lease_pid_started timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz
);
CREATE INDEX es_job_open ON es_job (kind, available_at) WHERE state = 'open';

CREATE TABLE es_timer (
  id text PRIMARY KEY,
  kind text NOT NULL,
  payload json NOT NULL,
  due_at_ms bigint NOT NULL,
  -- Due time, end of a back-off, or end of a lease.
  available_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  lease_token uuid,
  lease_pid integer,
  lease_pid_started timestamptz
);
CREATE INDEX es_timer_available ON es_timer (available_at);

CREATE FUNCTION es_now_ms() RETURNS bigint LANGUAGE sql VOLATILE
RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- False once the connection that a lease's owner kept open is gone: after kill -9 nobody has to wait for the lease to end.
-- A null (owner without such a connection) leaves the lease alone to decide.
CREATE FUNCTION es_session_alive(p_pid integer, p_started timestamptz) RETURNS boolean LANGUAGE sql VOLATILE
RETURN p_pid IS NULL OR EXISTS (
  SELECT FROM pg_stat_activity a WHERE a.pid = p_pid AND (a.backend_start = p_started OR a.backend_start IS NULL)
);

-- One round trip for a whole command: lock, expected version, inbox, idempotency key, events, jobs, timers.
-- p_expected: -2 exists, -1 any, otherwise the exact version (0: none).
-- status: 'appended'; 'conflict' (version is the actual one); 'key' (somebody else used it); 'inbox' (seen before).
-- Anything but 'appended' has written nothing.
CREATE FUNCTION es_append(
  p_stream text, p_expected integer,
  p_event_ids uuid[], p_types text[], p_schema_versions integer[], p_data text[], p_metadata text, p_recorded_at_ms bigint,
  p_key json, p_inbox json, p_effects json
) RETURNS TABLE (status text, version integer) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_count integer := coalesce(array_length(p_types, 1), 0);
  v_current integer;
BEGIN
  IF v_count > 256 THEN
    RAISE EXCEPTION 'at most 256 events in one append, not %', v_count USING ERRCODE = 'program_limit_exceeded';
  END IF;
  -- Before anything is read or written: otherwise a writer that waited here would go on with what it read before, and its
  -- lower insertion numbers could be committed after the higher ones of the writer it waited for. Each statement of this
  -- function has a new snapshot, so the version read below is the one that the lock protects.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_stream, 0));
  SELECT coalesce(max(e.version), 0) INTO v_current FROM es_event e WHERE e.stream_id = p_stream;
  IF (p_expected >= 0 AND v_current <> p_expected) OR (p_expected = -2 AND v_current = 0) THEN
    RETURN QUERY SELECT 'conflict'::text, v_current;
    RETURN;
  END IF;
  IF p_inbox IS NOT NULL THEN
    INSERT INTO es_inbox (consumer, message_id) VALUES (p_inbox->>'consumer', p_inbox->>'messageId') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN QUERY SELECT 'inbox'::text, v_current;
      RETURN;
    END IF;
  END IF;
  IF p_key IS NOT NULL THEN
    INSERT INTO es_idempotency AS k (scope, key, request_hash, stream_id, version, answer, recorded_at_ms, expires_at)
    VALUES (p_key->>'scope', p_key->>'key', p_key->>'requestHash', p_stream, v_current + v_count, p_key->'answer', es_now_ms(),
            CASE WHEN (p_key->>'forever')::boolean THEN NULL ELSE clock_timestamp() + interval '7 days' END)
    ON CONFLICT (scope, key) DO UPDATE
      SET request_hash = excluded.request_hash, stream_id = excluded.stream_id, version = excluded.version, answer = excluded.answer,
          recorded_at_ms = excluded.recorded_at_ms, expires_at = excluded.expires_at
      WHERE k.expires_at <= clock_timestamp();
    IF NOT FOUND THEN
      -- Raised, not returned, where an inbox row was written above: it has to go.
      IF p_inbox IS NOT NULL THEN
        RAISE EXCEPTION 'idempotency key in use' USING ERRCODE = 'SK001';
      END IF;
      RETURN QUERY SELECT 'key'::text, v_current;
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

-- Effects in their order: a job's id is used once, a timer's again replaces it (and takes it from whoever holds its lease).
CREATE FUNCTION es_effects(p_effects json) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_effect json;
BEGIN
  FOR v_effect IN SELECT * FROM json_array_elements(p_effects) LOOP
    IF v_effect->'job' IS NOT NULL THEN
      INSERT INTO es_job (id, kind, payload)
      VALUES (v_effect->'job'->>'id', v_effect->'job'->>'kind', v_effect->'job'->'payload') ON CONFLICT (id) DO NOTHING;
    ELSIF v_effect->'timer' IS NOT NULL THEN
      INSERT INTO es_timer AS t (id, kind, payload, due_at_ms, available_at)
      VALUES (v_effect->'timer'->>'id', v_effect->'timer'->>'kind', v_effect->'timer'->'payload', (v_effect->'timer'->>'dueAtMs')::bigint,
              to_timestamp((v_effect->'timer'->>'dueAtMs')::numeric / 1000))
      ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, payload = excluded.payload, due_at_ms = excluded.due_at_ms,
        available_at = excluded.available_at, attempts = 0, lease_token = NULL;
    ELSE
      DELETE FROM es_timer WHERE id = v_effect->'cancelTimer'->>'id';
    END IF;
  END LOOP;
END
$$;

-- Gives the next positions to at most p_max committed events and wakes the readers; returns how many it numbered.
-- One at a time: the lock is taken before the statement that looks, so that it sees what the one before has done.
CREATE FUNCTION es_sequence(p_max integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_head bigint;
  v_count integer;
BEGIN
  PERFORM pg_advisory_xact_lock(20250, 1);
  SELECT coalesce(max(position), 0) INTO v_head FROM es_position;
  WITH taken AS (
    DELETE FROM es_unsequenced WHERE seq IN (SELECT seq FROM es_unsequenced ORDER BY seq LIMIT p_max) RETURNING seq
  )
  INSERT INTO es_position (position, seq) SELECT v_head + row_number() OVER (ORDER BY seq), seq FROM taken;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  -- Here and not in the append: a notifying transaction takes a lock of the whole server at its commit.
  IF v_count > 0 THEN
    PERFORM pg_notify('es_position', (v_head + v_count)::text);
  END IF;
  RETURN v_count;
END
$$;
