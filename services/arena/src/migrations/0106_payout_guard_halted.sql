-- What the last comparison holds is nothing to wait for where the very consumer of freezes has halted.
CREATE OR REPLACE FUNCTION payout_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v record;
  v_heard boolean := false;
BEGIN
  FOR v IN SELECT * FROM payout_freeze ORDER BY chain FOR SHARE LOOP
    v_heard := true;
    IF v.frozen THEN
      RAISE EXCEPTION 'no payout rests on the stakes of % until an operator thaws: %: %', v.chain, v.rule, v.reason USING ERRCODE = 'SK002', HINT = 'payouts-frozen';
    ELSIF EXISTS (SELECT FROM consumer_halts WHERE group_name = 'arena.reconciliation' AND cleared_at IS NULL) THEN
      RAISE EXCEPTION 'no payout rests on the stakes of % while arena.reconciliation stands before a message that may be a freeze', v.chain USING ERRCODE = 'SK002', HINT = 'reconciliation-halted';
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
