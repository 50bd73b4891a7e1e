-- What followed from an event is asked for by `skein trace`, once for each of its causes: without an index each time through the
-- whole log. Events that nothing caused cost it nothing.
CREATE INDEX es_event_cause ON es_event ((metadata ->> 'causationId')) WHERE metadata ->> 'causationId' IS NOT NULL;
CREATE INDEX es_event_archive_cause ON es_event_archive ((metadata ->> 'causationId')) WHERE metadata ->> 'causationId' IS NOT NULL;
-- What names something is looked for page by page, in order of insertion.
CREATE INDEX es_event_archive_seq ON es_event_archive (seq);
