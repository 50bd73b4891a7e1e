import { expect, test } from 'vitest';
import { factIn, stakedFact } from '../../test/chain-fixtures.js';
import { positionDecider } from '../domain/position/position.decider.js';
import type { WalletFact } from '../domain/facts.js';
import { several } from './several.js';

const block = { number: 1, hash: '0xa1' };
const apply = (amount: bigint, balance: bigint, at: number) => ({
  fact: factIn(block, `t${at}`, at, stakedFact(amount, 'eip155:31337:0xw1', balance)).fact as WalletFact,
  asOf: block,
  cause: { txHash: `0xt${at}`, ordinal: 0 },
});

test('each command is decided on what those before it lead to, and a refused one refuses all', () => {
  const all = several(positionDecider);
  const decided = all.decide([apply(5n, 5n, 1), apply(2n, 7n, 2)], all.initialState());
  expect(decided.ok && decided.value.map(({ data }) => data.stakes[0]?.units)).toEqual([5n, 7n]);
  expect(all.decide([apply(5n, 5n, 1), apply(2n, 9n, 2)], all.initialState())).toMatchObject({ ok: false, error: { rule: 'position-contradicts-chain' } });
  expect(all.decide([], all.initialState())).toEqual({ ok: true, value: [] });
});
