-- What became of a reservation or purchase, found by its id in the log itself: a ledger's state holds only what is open. Unique,
-- so that no program, whatever it believes, can hold, charge or credit the same one twice in a ledger.
CREATE UNIQUE INDEX ledger_past ON es_event (stream_id, (coalesce(data->>'reservationId', data->>'purchaseId', data->'transfers'->0->>'id')), type)
  WHERE type IN ('skein.billing.ledger.credit-bought.v1', 'skein.billing.ledger.credit-reserved.v1', 'skein.billing.ledger.call-charged.v1', 'skein.billing.ledger.transfers-refused.v1');

-- Ledgers are never closed, so never archived; should one be, it is found there, too.
CREATE UNIQUE INDEX ledger_past_archived ON es_event_archive (stream_id, (coalesce(data->>'reservationId', data->>'purchaseId', data->'transfers'->0->>'id')), type)
  WHERE type IN ('skein.billing.ledger.credit-bought.v1', 'skein.billing.ledger.credit-reserved.v1', 'skein.billing.ledger.call-charged.v1', 'skein.billing.ledger.transfers-refused.v1');

-- What was booked of other services' decisions, by its source.
CREATE INDEX ledger_booked ON es_event (stream_id, (data->>'source')) WHERE type = 'skein.billing.ledger.booked.v1';
CREATE INDEX ledger_booked_archived ON es_event_archive (stream_id, (data->>'source')) WHERE type = 'skein.billing.ledger.booked.v1';
