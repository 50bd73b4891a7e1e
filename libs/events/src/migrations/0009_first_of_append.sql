-- What a batch no longer pays for, measured with `npm run bench -- event-store`: an entry of each event in two indexes that say
-- the same of all events of an append. Their ids are one id that ends in the event's number (0 to 255), so whoever has the first
-- one has the others; and they follow from the same cause. So only first events are in these indexes.
CREATE UNIQUE INDEX es_event_first_id ON es_event (event_id) WHERE get_byte(uuid_send(event_id), 15) = 0;
ALTER TABLE es_event DROP CONSTRAINT es_event_id;
ALTER INDEX es_event_first_id RENAME TO es_event_id;
DROP INDEX es_event_cause;
CREATE INDEX es_event_cause ON es_event ((metadata ->> 'causationId')) WHERE get_byte(uuid_send(event_id), 15) = 0 AND metadata ->> 'causationId' IS NOT NULL;
