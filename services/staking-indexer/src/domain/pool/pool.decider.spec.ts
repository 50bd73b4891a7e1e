import { fold, unwrap } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import type { PoolFact } from '../facts.js';
import { SCALE } from './pool-book.js';
import { poolDecider, type ApplyPoolFact } from './pool.decider.js';
import type { PoolChange, PoolChanged } from './pool.events.js';
import { byTime, formatWaiting, parseWaiting } from './waiting.js';

const pool = '0x00000000000000000000000000000000000000aa';
const delegator = 'eip155:31337:0x00000000000000000000000000000000000000d1';
const owner = 'eip155:31337:0x00000000000000000000000000000000000000b1';
const asOf = { number: 9, hash: '0x9' };
const cause = { txHash: '0xt', ordinal: 0 };
const spec = specOf(poolDecider);
const apply = (fact: PoolChange): ApplyPoolFact => ({ fact, cause, asOf });
const TOKEN = 10n ** 18n;

const created: PoolChange = { kind: 'pool-created', owner, pool, sigma: 100_000 };
const delegated = (amount: bigint, shares = amount): PoolFact => ({ kind: 'delegated', pool, delegator, amount, shares, epoch: 4, aboveCap: 0n });
const activated = (sharesIn: bigint, totalShares: bigint, rewardIndex = 0n): PoolFact => ({
  kind: 'pool-activated', pool, epoch: 4, sharesIn, sharesOut: 0n, totalShares, rewardIndex,
});
const funded = (amount: bigint, rewardIndex: bigint, carry: bigint, totalShares: bigint): PoolFact => ({
  kind: 'pool-funded', pool, epoch: 5, amount, rewardIndex, carry, totalShares,
});

/** The history that facts lead to. */
function historyOf(...facts: PoolChange[]): PoolChanged[] {
  const history: PoolChanged[] = [];
  for (const fact of facts) history.push(...unwrap(poolDecider.decide(apply(fact), fold(poolDecider, history))));
  return history;
}

test('a pool’s life, each sum as the contract states it', () => {
  const exit: PoolFact = { kind: 'exit-asked', pool, exitId: 1n, delegator, amount: TOKEN, shares: TOKEN, epoch: 5, paidFromMs: 9000 };
  const slashed: PoolFact = { kind: 'pool-slashed', pool, caseId: '0xc1', amount: TOKEN, principalIndex: (SCALE * 2n) / 3n, total: 2n * TOKEN };
  const history = historyOf(created, delegated(3n * TOKEN), activated(3n * TOKEN, 3n * TOKEN), funded(10n, (10n * SCALE) / (3n * TOKEN), (10n * SCALE) % (3n * TOKEN), 3n * TOKEN), exit, slashed);
  expect(history.at(-1)?.data).toMatchObject({
    owner,
    sums: { total: 2n * TOKEN, totalShares: 3n * TOKEN, principalIndex: (SCALE * 2n) / 3n },
    waiting: [{ epoch: 5, sharesIn: 0n, sharesOut: TOKEN }],
    closed: false,
  });
  expect(historyOf(created, { kind: 'pool-closed', pool, caseId: '0xc1' }).at(-1)?.data.closed).toBe(true);
});

test('what does not fit the facts before it is refused', () => {
  const rule = 'pool-contradicts-chain';
  spec.given().when(apply(delegated(1n))).thenRejected({ rule });
  spec.given(...historyOf(created)).when(apply(created)).thenRejected({ rule });
  const held = historyOf(created, delegated(3n));
  spec.given(...held).when(apply(activated(2n, 2n))).thenRejected({ rule });
  spec.given(...held).when(apply(activated(3n, 4n))).thenRejected({ rule });
  spec.given(...held).when(apply(funded(1n, 0n, 0n, 0n))).thenRejected({ rule });
  const counting = historyOf(created, delegated(3n), activated(3n, 3n));
  spec.given(...counting).when(apply(funded(3n, SCALE, 1n, 3n))).thenRejected({ rule });
  spec.given(...counting).when(apply(funded(3n, SCALE, 0n, 3n))).thenState((state) => expect(state.sums.rewardIndex).toBe(SCALE));
  const slashed = (amount: bigint, principalIndex: bigint, total: bigint): PoolFact => ({ kind: 'pool-slashed', pool, caseId: '0xc1', amount, principalIndex, total });
  spec.given(...counting).when(apply(slashed(4n, 0n, 0n))).thenRejected({ rule });
  spec.given(...counting).when(apply(slashed(1n, SCALE, 2n))).thenRejected({ rule });
});

test('what waits is kept by epoch, and counts by time three epochs later', () => {
  const waiting = [{ epoch: 4, sharesIn: 5n, sharesOut: 1n }, { epoch: 6, sharesIn: 0n, sharesOut: 2n }];
  expect(parseWaiting(formatWaiting(waiting))).toEqual(waiting);
  expect(parseWaiting('')).toEqual([]);
  expect([6, 7, 8, 9].map((epoch) => byTime(waiting, epoch))).toEqual([0n, 4n, 4n, 2n]);
});
