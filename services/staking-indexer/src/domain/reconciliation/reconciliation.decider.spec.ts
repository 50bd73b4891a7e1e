import { fold } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import { blockOf } from '../../../test/chain-fixtures.js';
import { reconciliationDecider, SAID_PER_HOLD, type Freeze, type Pass, type Thaw } from './reconciliation.decider.js';
import type { ReconciliationFrozen, ReconciliationPassed, ReconciliationThawed } from './reconciliation.events.js';

const spec = specOf(reconciliationDecider);
const [chainId, logSinceMs, holdsForMs] = [31337, 1_000, 60_000];
const found = { asOf: blockOf(7), rule: 'totals-differ', reason: 'staked: 7, 8', differences: [{ total: 'staked', readModel: 7n, contract: 8n }] };

const freeze = (nowMs: number): Freeze => ({ kind: 'freeze', chainId, ...found, nowMs });
const thaw = (nowMs: number): Thaw => ({ kind: 'thaw', chainId, reason: 'seen', actor: 'operator', nowMs });
const pass = (block: number, checkedAtMs: number): Pass => ({ kind: 'pass', chainId, asOf: blockOf(block), checkedAtMs, holdsForMs, nowMs: checkedAtMs + 5 });

const frozen: ReconciliationFrozen = { type: 'skein.staking.reconciliation.frozen.v1', data: { chainId, logSinceMs, ...found } };
const thawed: ReconciliationThawed = { type: 'skein.staking.reconciliation.thawed.v1', data: { chainId, logSinceMs, reason: 'seen', actor: 'operator' } };
const passed = (block: number, checkedAtMs: number): ReconciliationPassed => ({
  type: 'skein.staking.reconciliation.passed.v1',
  data: { chainId, logSinceMs, asOf: blockOf(block), checkedAtMs, holdsForMs },
});

test('a freeze stands until an operator thaws: no comparison lifts it', () => {
  spec.given().when(freeze(logSinceMs)).then(frozen);
  spec.given(frozen).when(freeze(2_000)).then();
  spec.given(frozen).when(pass(8, 2_000)).then();
  spec.given(frozen).when(thaw(2_000)).then(thawed);
  spec.given(frozen, thawed).when(pass(8, 2_000)).then(passed(8, 2_000));
  spec.given(passed(7, 1_000), thawed).when(freeze(2_000)).then(frozen);
});

test('a thaw is said also where no freeze is known: services may keep one from a log that is gone', () => {
  spec.given().when(thaw(logSinceMs)).then(thawed);
  spec.given(passed(7, 1_000)).when(thaw(2_000)).then(thawed);
});

test('that nothing differs is said at each new block, and again before what was said runs out', () => {
  const again = 2_000 + holdsForMs / SAID_PER_HOLD;
  spec.given(passed(7, 2_000)).when(pass(7, again - 1)).then();
  spec.given(passed(7, 2_000)).when(pass(7, again)).then(passed(7, again));
  spec.given(passed(7, 2_000)).when(pass(8, 2_001)).then(passed(8, 2_001));
  // A clock that was set back must not keep it silent for as long.
  spec.given(passed(7, 900_000)).when(pass(7, 2_000)).then(passed(7, 2_000));
});

test('a log says when it began with everything it says; one from before that was kept began at 0', () => {
  const { logSinceMs: _, ...before } = frozen.data;
  const old: ReconciliationFrozen = { ...frozen, data: before };
  spec.given(old).when(thaw(9_000)).then({ ...thawed, data: { ...thawed.data, logSinceMs: 0 } });
  spec.given().when(pass(7, logSinceMs - 5)).then(passed(7, logSinceMs - 5));
  expect(fold(reconciliationDecider, [old, thawed, passed(8, 5)])).toEqual({ logSinceMs: 0, passed: passed(8, 5).data });
});
