-- How far a price came, by its last charge: its rounding goes on from there when the state has forgotten it.
CREATE INDEX ledger_price ON es_event (stream_id, (data->>'modelVersion'), (data->>'priceVersion'), version) WHERE type = 'skein.billing.ledger.call-charged.v1';
CREATE INDEX ledger_price_archived ON es_event_archive (stream_id, (data->>'modelVersion'), (data->>'priceVersion'), version) WHERE type = 'skein.billing.ledger.call-charged.v1';
