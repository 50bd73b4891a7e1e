-- For whoever asks who reads: since when each member is one, and in which process.
ALTER TABLE log_members ADD COLUMN process text NOT NULL DEFAULT '', ADD COLUMN joined_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- As before, with the process.
CREATE OR REPLACE FUNCTION log_heartbeat(p_members json, p_lease_ms bigint, p_pid integer, p_started timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO log_members (member, group_name, topics, process, expires_at, session_pid, session_started)
    SELECT m ->> 'member', m ->> 'group', ARRAY(SELECT json_array_elements_text(m -> 'topics')), coalesce(m ->> 'process', ''),
           clock_timestamp() + p_lease_ms * interval '1 millisecond', p_pid, p_started
      FROM json_array_elements(p_members) AS m
    ON CONFLICT (member) DO UPDATE
      SET expires_at = excluded.expires_at, session_pid = excluded.session_pid, session_started = excluded.session_started;
  DELETE FROM log_members WHERE member IN (
    SELECT member FROM log_members WHERE expires_at < clock_timestamp() OR NOT log_session_alive(session_pid, session_started) FOR UPDATE SKIP LOCKED
  );
END
$$;
