import { expect, test } from 'vitest';
import { UNIT, participant, wallet } from '../../../test/domain.fixtures.js';
import { PARTICIPANTS_MAX, emissionWeight, participantsOf } from './participants.policy.js';

const rules = { nodeStakeMinUnits: 3000n * UNIT, validatorStakeMinUnits: 3000n * UNIT };
const position = (digit: string, role: 'node' | 'validator', stake: bigint, since = 1) => ({ ...participant(digit, role, stake), since });

test('whoever has staked the minimum takes part, sorted by wallet', () => {
  const list = participantsOf([position('c', 'node', 3000n), position('b', 'validator', 2999n), position('a', 'validator', 5000n)], rules);
  expect(list.map((one) => [one.wallet, one.role])).toEqual([[wallet('a'), 'validator'], [wallet('c'), 'node']]);
});

test('a wallet is node or validator: the role it staked in first', () => {
  expect(participantsOf([position('a', 'validator', 3000n, 2), position('a', 'node', 4000n, 1)], rules)).toMatchObject([{ role: 'node' }]);
  expect(participantsOf([position('a', 'node', 4000n, 2), position('a', 'validator', 3000n, 1)], rules)).toMatchObject([{ role: 'validator' }]);
  expect(participantsOf([position('a', 'node', 4000n, 2), position('a', 'validator', 10n, 1)], rules)).toMatchObject([{ role: 'node' }]);
});

test('a minimum of zero still needs a stake', () => {
  expect(participantsOf([position('a', 'node', 0n)], { nodeStakeMinUnits: 0n, validatorStakeMinUnits: 0n })).toEqual([]);
});

test('the largest stakes of each role where there are more than fit', () => {
  const many = Array.from({ length: PARTICIPANTS_MAX + 2 }, (_, index) => ({ ...position('a', 'node', 3000n + BigInt(index)), wallet: `w${String(index).padStart(2, '0')}` }));
  const list = participantsOf([...many, position('b', 'validator', 3000n)], rules);
  expect(list).toHaveLength(PARTICIPANTS_MAX + 1);
  expect(list.map((one) => one.wallet)).not.toContain('w01');
});

test('the weight in the emission is counted stake times the task’s weight', () => {
  expect(emissionWeight([participant('a', 'node'), { ...participant('b', 'validator'), delegatedUnits: 10n ** 30n }], 2)).toBe((3000n + 12_000n) * UNIT * 2n);
});
