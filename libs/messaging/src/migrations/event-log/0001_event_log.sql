-- The embedded event log: topics with fixed partitions, messages with gapless offsets, consumer groups with leases.

CREATE TABLE log_topics (
  topic      text PRIMARY KEY,
  partitions integer NOT NULL CHECK (partitions BETWEEN 1 AND 1024),
  retention  text NOT NULL CHECK (retention IN ('infinite', 'compact'))
);

-- next_offset is the head: the offset that the next message of the partition will get.
CREATE TABLE log_partitions (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic       text NOT NULL REFERENCES log_topics,
  partition   integer NOT NULL,
  next_offset bigint NOT NULL DEFAULT 0,
  UNIQUE (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE log_messages (
  partition_id   integer NOT NULL,
  message_offset bigint NOT NULL,
  key            text NOT NULL,
  id             text NOT NULL,
  type           text NOT NULL,
  time_ms        bigint NOT NULL,
  headers        json NOT NULL,
  value          bytea NOT NULL,
  size_bytes     integer NOT NULL,
  PRIMARY KEY (partition_id, message_offset)
);
COMMENT ON TABLE log_messages IS 'insert-only: messages as they were sent';

-- Only members are kept alive by heartbeats (one small update for a whole process); a lease is worth what its member is worth.
CREATE TABLE log_members (
  member     text PRIMARY KEY,
  group_name text NOT NULL,
  topics     text[] NOT NULL,
  joined     bigint GENERATED ALWAYS AS IDENTITY,
  expires_at timestamptz NOT NULL,
  -- The listening connection of the member's process: where it is gone, so is the process.
  session_pid     integer,
  session_started timestamptz
) WITH (fillfactor = 50);

-- False once the connection is gone: after kill -9 nobody has to wait for a lease to end. Null (a process without such a
-- connection at the moment) leaves the time alone to decide.
CREATE FUNCTION log_session_alive(p_pid integer, p_started timestamptz) RETURNS boolean LANGUAGE sql VOLATILE
RETURN p_pid IS NULL OR EXISTS (
  SELECT FROM pg_stat_activity a WHERE a.pid = p_pid AND (a.backend_start = p_started OR a.backend_start IS NULL)
);

-- epoch grows with every change of hands, so that a member that was away cannot commit over its successor.
CREATE TABLE log_leases (
  group_name   text NOT NULL,
  partition_id integer NOT NULL REFERENCES log_partitions,
  member       text,
  epoch        bigint NOT NULL DEFAULT 0,
  committed    bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (group_name, partition_id)
) WITH (fillfactor = 50);

-- Keeps members alive (joining them on their first beat) and buries those whose time is over or whose process is gone. Neither
-- this nor a commit waits for the disk: what a crash of the server takes back is a heartbeat, or a delivery that is repeated.
CREATE FUNCTION log_heartbeat(p_members json, p_lease_ms bigint, p_pid integer, p_started timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO log_members (member, group_name, topics, expires_at, session_pid, session_started)
    SELECT m ->> 'member', m ->> 'group', ARRAY(SELECT json_array_elements_text(m -> 'topics')),
           clock_timestamp() + p_lease_ms * interval '1 millisecond', p_pid, p_started
      FROM json_array_elements(p_members) AS m
    ON CONFLICT (member) DO UPDATE
      SET expires_at = excluded.expires_at, session_pid = excluded.session_pid, session_started = excluded.session_started;
  DELETE FROM log_members WHERE expires_at < clock_timestamp() OR NOT log_session_alive(session_pid, session_started);
END
$$;

-- False when the lease has changed hands since p_epoch: the caller is a zombie and nothing is written.
CREATE FUNCTION log_commit(p_group text, p_partition integer, p_epoch bigint, p_committed bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  UPDATE log_leases SET committed = p_committed WHERE group_name = p_group AND partition_id = p_partition AND epoch = p_epoch;
  RETURN FOUND;
END
$$;

-- Appends a batch in one transaction. The partition rows are locked in id order (no deadlock) before any offset is read and
-- stay locked until the commit: offsets are therefore gapless and become visible in order. The INSERT is a statement of its
-- own because only a new snapshot sees what the previous holder of the lock has committed.
CREATE FUNCTION log_append(
  p_partition integer[], p_key text[], p_id text[], p_type text[], p_time_ms bigint[], p_headers text[], p_value bytea[], p_size integer[]
) RETURNS TABLE (partition_id integer, head bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM log_partitions p WHERE p.id = ANY (p_partition) ORDER BY p.id FOR UPDATE;
  INSERT INTO log_messages (partition_id, message_offset, key, id, type, time_ms, headers, value, size_bytes)
    SELECT m.partition_id, p.next_offset + row_number() OVER (PARTITION BY m.partition_id ORDER BY m.ord) - 1,
           m.key, m.id, m.type, m.time_ms, m.headers::json, m.value, m.size_bytes
      FROM unnest(p_partition, p_key, p_id, p_type, p_time_ms, p_headers, p_value, p_size)
           WITH ORDINALITY AS m (partition_id, key, id, type, time_ms, headers, value, size_bytes, ord)
      JOIN log_partitions p ON p.id = m.partition_id;
  RETURN QUERY
    UPDATE log_partitions p SET next_offset = p.next_offset + c.messages
      FROM (SELECT u.id, count(*) AS messages FROM unnest(p_partition) AS u (id) GROUP BY u.id) c
     WHERE p.id = c.id
    RETURNING p.id, p.next_offset;
END
$$;
