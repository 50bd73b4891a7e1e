-- Names of customers: personal data, kept outside the event log under an opaque id, so that it can be erased.
CREATE TABLE customer_name (
  customer_id uuid PRIMARY KEY,
  display_name text NOT NULL
);
