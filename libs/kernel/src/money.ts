import { assert } from './assert.js';
import { bytesToHex, sha256, utf8 } from './hash.js';

/** ⌊a·b/c⌋ of non-negative amounts. */
export function mulDiv(a: bigint, b: bigint, c: bigint): bigint {
  assert(a >= 0n && b >= 0n && c > 0n, 'mulDiv takes non-negative amounts and a positive divisor');
  return (a * b) / c;
}

/** Sum of amounts. */
export const sum = (amounts: Iterable<bigint>): bigint => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
};

function rotation(rotate: number | string, length: number): number {
  if (typeof rotate === 'string') return Number(BigInt(`0x${bytesToHex(sha256(utf8(rotate)))}`) % BigInt(length));
  return ((Math.trunc(rotate) % length) + length) % length;
}

/**
 * Splits `total` base units in proportion to non-negative integer weights so that the parts sum exactly to `total`: each
 * part is floored, and the units left over go to the largest remainders. Ties go to the lowest index, counted from
 * `rotate` (a number, or a text such as an id whose hash says where to start), so that small remainders do not always
 * favour the same recipient. Throws when all weights are zero and there is something to split: the caller must carry it over.
 */
export function largestRemainder(total: bigint, weights: readonly bigint[], rotate: number | string = 0): bigint[] {
  assert(total >= 0n, 'only a non-negative amount can be split');
  assert(weights.every((weight) => weight >= 0n), 'no weight is negative');
  const weightSum = sum(weights);
  if (total === 0n) return weights.map(() => 0n);
  assert(weightSum > 0n, 'an amount is split among at least one positive weight');
  const start = rotation(rotate, weights.length);
  const parts = weights.map((weight) => (total * weight) / weightSum);
  const order = weights
    .map((weight, index) => ({ index, rest: (total * weight) % weightSum, turn: (index - start + weights.length) % weights.length }))
    .sort((a, b) => (a.rest === b.rest ? a.turn - b.turn : a.rest > b.rest ? -1 : 1));
  let left = total - sum(parts);
  for (const { index } of order) {
    if (left === 0n) break;
    parts[index]! += 1n;
    left -= 1n;
  }
  assert(left === 0n, 'fewer units are left over than there are recipients');
  return parts;
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Base units of a decimal text such as `"12.5"` (18 decimals unless told); throws when it has more decimals than fit. */
export function parseUnits(text: string, decimals = 18): bigint {
  const match = DECIMAL.exec(text);
  assert(match, `"${text}" is a decimal number`);
  const [, sign, whole, fraction = ''] = match;
  assert(fraction.length <= decimals, `"${text}" has at most ${decimals} decimals`);
  const units = BigInt(whole! + fraction.padEnd(decimals, '0'));
  return sign === '-' ? -units : units;
}

/** Decimal text of base units without trailing zeros. */
export function formatUnits(units: bigint, decimals = 18): string {
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''}`;
}
