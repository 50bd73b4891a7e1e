-- What each message contained when its group first met it: a second message with the same id and other content is a fault of
-- its sender, which the inbox alone would take for a repetition and drop without a word. Kept as long as inbox rows are.
CREATE TABLE message_contents (
  group_name text NOT NULL,
  message_id text NOT NULL,
  content    bytea NOT NULL,
  met_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (group_name, message_id)
);

-- Notes a batch and returns the places (from 1) of those whose id was met with other content before. Does not wait for the
-- disk: what a crash of the server takes back is noted again when the message is delivered again.
CREATE FUNCTION message_contents_note(p_group text, p_id text[], p_content bytea[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO message_contents (group_name, message_id, content)
    SELECT p_group, m.id, m.content FROM unnest(p_id, p_content) WITH ORDINALITY AS m (id, content, ord) ORDER BY m.ord
    ON CONFLICT DO NOTHING;
  RETURN QUERY
    SELECT m.ord FROM unnest(p_id, p_content) WITH ORDINALITY AS m (id, content, ord)
      JOIN message_contents k ON k.group_name = p_group AND k.message_id = m.id
     WHERE k.content <> m.content;
END
$$;
