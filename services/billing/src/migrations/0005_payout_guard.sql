-- Payouts rest on a comparison of stakes and contracts that was heard of lately; silence pays nothing.
ALTER TABLE payout_freeze
  -- When the indexer's log began: of two logs the later one counts, of one log the newest version.
  ADD COLUMN log_since_ms bigint NOT NULL DEFAULT 0,
  ADD COLUMN reconciled_block bigint,
  -- By this database's clock; no later than the comparison's own time would have it.
  ADD COLUMN reconciled_until_ms bigint;

-- The one place where a freeze is obeyed, in the transaction that appends. The row's shared lock is why no freeze comes between the
-- check and the payout: one that is under way is waited for and then read, one that comes later waits for this append.
CREATE FUNCTION payout_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v record;
  v_heard boolean := false;
BEGIN
  FOR v IN SELECT * FROM payout_freeze ORDER BY chain FOR SHARE LOOP
    v_heard := true;
    IF v.frozen THEN
      RAISE EXCEPTION 'no payout rests on the stakes of % until an operator thaws: %: %', v.chain, v.rule, v.reason USING ERRCODE = 'SK002', HINT = 'payouts-frozen';
    ELSIF v.reconciled_until_ms IS NULL OR v.reconciled_until_ms <= es_now_ms() THEN
      RAISE EXCEPTION 'no payout rests on the stakes of % before they are compared with their contracts again; the last time was at block %', v.chain, coalesce(v.reconciled_block::text, 'none')
        USING ERRCODE = 'SK002', HINT = 'reconciliation-stale';
    END IF;
  END LOOP;
  IF NOT v_heard THEN
    RAISE EXCEPTION 'no payout before the staking indexer has said that stakes are what their contracts say' USING ERRCODE = 'SK002', HINT = 'reconciliation-missing';
  END IF;
  RETURN NEW;
END $$;

-- Every decision that moves money; that vesting has begun moves none.
CREATE TRIGGER payout_guard BEFORE INSERT ON es_event FOR EACH ROW
  WHEN (NEW.type = 'skein.billing.ledger.booked.v1' AND NEW.data->>'what' <> 'vesting-started') EXECUTE FUNCTION payout_guard();
