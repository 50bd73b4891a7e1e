import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('the emission’s table is what its formula gives, period by period', () => {
  const source = readFileSync(new URL('../contracts/Emission.sol', import.meta.url), 'utf8');
  const table = [...source.matchAll(/hex"([0-9a-f]+)"/g)].map(([, part]) => part).join('');
  const total = 420_000_000n * 10n ** 18n;
  const weight = (period: bigint): bigint => 99n ** period * 100n ** (59n - period);
  const periods = Array.from({ length: 60 }, (_, period) => BigInt(period));
  const sum = periods.reduce((all, period) => all + weight(period), 0n);
  const daily = periods.map((period) => (total * weight(period)) / (30n * sum));
  expect(table.match(/.{20}/g)?.map((hex) => BigInt(`0x${hex}`))).toEqual(daily);
  expect(total - 30n * daily.reduce((all, part) => all + part)).toBe(1080n);
});
