-- How many endpoints answered of those that must agree before anything becomes final, and whether a halt waits for an operator.
ALTER TABLE chain_status
  ADD COLUMN endpoints_reached int,
  ADD COLUMN endpoints_wanted int,
  ADD COLUMN endpoints_missing text,
  ADD COLUMN halted_lasting boolean NOT NULL DEFAULT false;
