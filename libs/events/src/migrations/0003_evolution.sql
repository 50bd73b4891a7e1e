-- Rebuilds of projections: asked for, under way, ended. The checkpoint of a build is the row "<projection>__next" of
-- es_subscription; these rows are for whoever asks how far it is.
CREATE TABLE es_rebuild (
  projection text PRIMARY KEY,
  -- Version being built; null while nobody has begun.
  version integer,
  state text NOT NULL CHECK (state IN ('asked', 'building', 'switching', 'done', 'failed')),
  -- Position that the present run began at, the one it has reached, and the last one of the log when it looked.
  begun bigint NOT NULL DEFAULT 0,
  built bigint NOT NULL DEFAULT 0,
  head bigint NOT NULL DEFAULT 0,
  error text,
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz
);

-- States of long streams for cold starts. Disposable: without them the same state comes out of all events.
CREATE TABLE es_snapshot (
  stream_id text NOT NULL,
  name text NOT NULL,
  schema_version integer NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  -- The last event that the state has in it: a snapshot of another history is not read.
  event_id uuid NOT NULL,
  state json NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (stream_id, name)
);

-- Closed streams' events but the last of each: that one stays in es_event, so that an append finds the version and the log
-- its head. Position and all else are as they were.
CREATE TABLE es_event_archive (
  position bigint PRIMARY KEY,
  seq bigint NOT NULL,
  stream_id text NOT NULL,
  version integer NOT NULL,
  event_id uuid NOT NULL CONSTRAINT es_event_archive_id UNIQUE,
  type text NOT NULL,
  schema_version integer NOT NULL,
  data json NOT NULL,
  metadata json NOT NULL,
  recorded_at_ms bigint NOT NULL,
  CONSTRAINT es_event_archive_version UNIQUE (stream_id, version)
);
COMMENT ON TABLE es_event_archive IS 'read-only: es_archive moves events here';

-- All events, wherever they lie; position is null until es_sequence has given one.
CREATE VIEW es_history AS
  SELECT e.seq, e.stream_id, e.version, p.position, e.event_id, e.type, e.schema_version, e.data, e.metadata, e.recorded_at_ms
  FROM es_event e LEFT JOIN es_position p ON p.seq = e.seq
  UNION ALL
  SELECT a.seq, a.stream_id, a.version, a.position, a.event_id, a.type, a.schema_version, a.data, a.metadata, a.recorded_at_ms
  FROM es_event_archive a;
COMMENT ON VIEW es_history IS 'read-only: es_event with es_position, and es_event_archive';

-- Only events of a second or later schema can be too new for a program: the others cost this index nothing.
CREATE INDEX es_event_lifted ON es_event (type, schema_version, stream_id) WHERE schema_version > 1;
CREATE INDEX es_event_archive_lifted ON es_event_archive (type, schema_version, stream_id) WHERE schema_version > 1;

CREATE INDEX es_job_finished ON es_job (finished_at) WHERE state = 'done';

-- Moves at most p_max of a stream's events into the archive, the first ones first, never the last one; returns how many.
-- The app role may do this and nothing else to events that are written: they are neither changed nor lost, and one statement
-- moves an event, so every reader's snapshot has it in exactly one of the two places.
CREATE FUNCTION es_archive(p_stream text, p_max integer) RETURNS integer LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  v_last integer;
  v_count integer;
BEGIN
  -- One archivist per stream. Appends need not wait: they only add behind the last event.
  PERFORM pg_advisory_xact_lock(20251, hashtext(p_stream));
  -- The last one with a position: it may be the log's last one, and the sequencer goes on from there.
  SELECT max(e.version) INTO v_last FROM es_event e JOIN es_position p ON p.seq = e.seq WHERE e.stream_id = p_stream;
  WITH chosen AS (
    SELECT e.seq, p.position FROM es_event e JOIN es_position p ON p.seq = e.seq
    WHERE e.stream_id = p_stream AND e.version < v_last ORDER BY e.version LIMIT p_max
  ), unplaced AS (
    DELETE FROM es_position p USING chosen c WHERE p.position = c.position
  ), taken AS (
    DELETE FROM es_event e USING chosen c WHERE e.seq = c.seq RETURNING c.position, e.*
  )
  INSERT INTO es_event_archive (position, seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
  SELECT t.position, t.seq, t.stream_id, t.version, t.event_id, t.type, t.schema_version, t.data, t.metadata, t.recorded_at_ms FROM taken t;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$$;
