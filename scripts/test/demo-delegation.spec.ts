import { describe, expect, test } from 'vitest';
import { differences, reported, showBalances, type Balance } from '../src/demo/delegation/balances.js';
import { Printer } from '../src/demo/printer.js';

const early: Balance = { of: 'early', chain: 75n, projection: 75n };
const winner: Balance = { of: 'winner', chain: 10n ** 20n, projection: 10n ** 20n, billing: 10n ** 20n };

describe('balances', () => {
  test('what is the same wherever it is known differs nowhere', () => expect(differences([early, winner])).toBe(''));

  test.each<[string, Balance, string]>([
    ['one base unit in the projection', { ...early, projection: 74n }, 'early: 75 on chain, 74 in the projection'],
    ['one base unit beyond what a float can tell', { ...winner, chain: 10n ** 20n + 1n }, "winner: 100000000000000000001 on chain, 100000000000000000000 in the projection, 100000000000000000000 in billing's statement"],
    ['only the statement', { ...winner, billing: 0n }, "winner: 100000000000000000000 on chain, 100000000000000000000 in the projection, 0 in billing's statement"],
  ])('%s is named with all its values', (_, changed, sentence) => expect(differences([early, winner, changed])).toBe(sentence));

  test('every difference is named', () => expect(differences([{ ...early, chain: 0n }, { ...winner, billing: 1n }]).split('; ')).toHaveLength(2));

  test('the table and the report leave out what nobody keeps an account of', () => {
    let text = '';
    showBalances(new Printer((part) => (text += part)), [early, winner]);
    expect(text.split('\n').slice(2, 4).map((line) => line.trim().split(/\s+/))).toEqual([['early', '75', '75', '–'], ['winner', ...Array<string>(3).fill('1'.padEnd(21, '0'))]]);
    expect(reported([early, winner])).toEqual([
      { of: 'early', chain: '75', projection: '75' },
      { of: 'winner', chain: '1'.padEnd(21, '0'), projection: '1'.padEnd(21, '0'), billing: '1'.padEnd(21, '0') },
    ]);
  });
});
