-- Whether events of these types are in the log that subscription p_name has not been given yet, those without a position included. For
-- whoever decides on a read model and must not miss what was decided a moment before. In the caller's snapshot, as STABLE has it: one
-- statement that asks for this and for the read model's rows sees both of one moment.
-- It reads what lies behind the checkpoint only, by index: without statistics of a rare type the planner would read the whole log.
CREATE FUNCTION es_undelivered(p_name text, p_types text[]) RETURNS boolean LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
  v_done bigint := coalesce((SELECT s.position FROM public.es_subscription s WHERE s.name = p_name), 0);
  -- The range of positions in which the checkpoint lies.
  v_from bigint := coalesce((SELECT p.position FROM public.es_position p WHERE p.position <= v_done ORDER BY p.position DESC LIMIT 1), 0);
  -- The first insertion number of what may not have been given. Positions need not follow insertion numbers, so more than that may lie behind it.
  v_seq bigint := least(
    (SELECT min(p.seq + greatest(v_done + 1 - p.position, 0)) FROM public.es_position p WHERE p.position >= v_from AND p.position + p.events > v_done + 1),
    (SELECT min(u.seq) FROM public.es_unsequenced u)
  );
BEGIN
  RETURN EXISTS (
    SELECT FROM public.es_event e
    WHERE e.seq >= v_seq AND e.type = ANY (p_types) AND NOT EXISTS (
      SELECT FROM (SELECT r.seq, r.position, r.events FROM public.es_position r WHERE r.seq <= e.seq ORDER BY r.seq DESC LIMIT 1) p
      WHERE e.seq < p.seq + p.events AND p.position + (e.seq - p.seq) <= v_done
    )
  );
END
$$;
