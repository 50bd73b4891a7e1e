-- Contents are compared as this build reads them, and only where both sides of the comparison mean the same by it: a field that a
-- later release adds makes no other content of a message that it sends again. Null: noted before, as the bytes that came.
ALTER TABLE message_contents ADD COLUMN schema bytea;

CREATE FUNCTION message_contents_note(p_group text, p_id text[], p_schema bytea[], p_content bytea[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO message_contents (group_name, message_id, schema, content)
    SELECT p_group, m.id, m.schema, m.content FROM unnest(p_id, p_schema, p_content) WITH ORDINALITY AS m (id, schema, content, ord) ORDER BY m.ord
    ON CONFLICT DO NOTHING;
  RETURN QUERY
    SELECT m.ord FROM unnest(p_id, p_schema, p_content) WITH ORDINALITY AS m (id, schema, content, ord)
      JOIN message_contents k ON k.group_name = p_group AND k.message_id = m.id
     WHERE k.schema = m.schema AND k.content <> m.content;
END
$$;

-- For programs of before, which know bytes alone: not compared with what this one notes.
CREATE OR REPLACE FUNCTION message_contents_note(p_group text, p_id text[], p_content bytea[]) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO message_contents (group_name, message_id, content)
    SELECT p_group, m.id, m.content FROM unnest(p_id, p_content) WITH ORDINALITY AS m (id, content, ord) ORDER BY m.ord
    ON CONFLICT DO NOTHING;
  RETURN QUERY
    SELECT m.ord FROM unnest(p_id, p_content) WITH ORDINALITY AS m (id, content, ord)
      JOIN message_contents k ON k.group_name = p_group AND k.message_id = m.id
     WHERE k.schema IS NULL AND k.content <> m.content;
END
$$;
