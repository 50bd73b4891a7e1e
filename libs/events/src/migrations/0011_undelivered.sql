-- Whether events of these types are in the log that subscription p_name has not been given yet, those without a position included. For
-- whoever decides on a read model and must not miss what was decided a moment before. It reads what lies behind the subscription's
-- checkpoint only, in the caller's snapshot: together with the read model's rows, if one statement asks for both.
CREATE FUNCTION es_undelivered(p_name text, p_types text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM public.es_unsequenced u JOIN public.es_event e ON e.seq >= u.seq AND e.seq < u.seq + u.events WHERE e.type = ANY (p_types)
  ) OR EXISTS (
    WITH done AS (SELECT coalesce((SELECT s.position FROM public.es_subscription s WHERE s.name = p_name), 0) AS position)
    SELECT FROM done d, public.es_position p
    JOIN public.es_event e ON e.seq >= p.seq AND e.seq < p.seq + p.events
    WHERE p.position >= coalesce((SELECT r.position FROM public.es_position r WHERE r.position <= d.position ORDER BY r.position DESC LIMIT 1), 0)
      AND p.position + (e.seq - p.seq) > d.position AND e.type = ANY (p_types)
  )
$$;
