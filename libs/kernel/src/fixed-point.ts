import { assert } from './assert.js';

/**
 * Fixed point with 18 decimals: the number x is the bigint round(x·10¹⁸). Results are computed with 60 decimals and
 * rounded half away from zero at the end, so the error is at most half a unit of the last place (5e-19), plus, for results
 * above 10²⁰, a relative error below 10⁻³⁶. Both are far inside the promised 1e-16.
 */
export type Fixed = bigint;

/** 1 in fixed point. */
export const FP_ONE: Fixed = 10n ** 18n;

const WORK_DECIMALS = 60n;
const WORK = 10n ** WORK_DECIMALS;
const LIFT = 10n ** (WORK_DECIMALS - 18n);
const EXP_MAX: Fixed = 150n * FP_ONE;

/** a/b rounded to the nearest integer, halves away from zero; b > 0. */
export function divRound(a: bigint, b: bigint): bigint {
  assert(b > 0n, 'a divisor is positive');
  return a >= 0n ? (2n * a + b) / (2n * b) : -((-2n * a + b) / (2n * b));
}

const lower = (work: bigint): Fixed => divRound(work, LIFT);

/** ⌊√n⌋ of a non-negative integer. */
export function isqrt(n: bigint): bigint {
  assert(n >= 0n, 'a square root is taken of a non-negative number');
  if (n < 2n) return n;
  let guess = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (guess + n / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** 2·atanh(z) for |z| ≤ 1/3, in working precision. */
function twiceAtanh(z: bigint): bigint {
  const square = (z * z) / WORK;
  let power = z;
  let total = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    total += power / k;
    power = (power * square) / WORK;
  }
  return 2n * total;
}

const LN2 = twiceAtanh(WORK / 3n);

function workLn(x: bigint): bigint {
  let exponent = 0n;
  let mantissa = x;
  const shift = BigInt(x.toString(2).length - WORK.toString(2).length);
  if (shift > 0n) mantissa >>= shift;
  else mantissa <<= -shift;
  exponent = shift;
  return exponent * LN2 + twiceAtanh(((mantissa - WORK) * WORK) / (mantissa + WORK));
}

function workExp(x: bigint): bigint {
  const halvings = divRound(x, LN2);
  const rest = x - halvings * LN2;
  let term = WORK;
  let total = WORK;
  for (let k = 1n; term !== 0n; k++) {
    term = (term * rest) / (WORK * k);
    total += term;
  }
  return halvings >= 0n ? total << halvings : total >> -halvings;
}

/** a·b, rounded to the nearest. */
export const fpMul = (a: Fixed, b: Fixed): Fixed => divRound(a * b, FP_ONE);

/** a/b, rounded to the nearest; b > 0. */
export const fpDiv = (a: Fixed, b: Fixed): Fixed => divRound(a * FP_ONE, b);

/** An integer as fixed point. */
export const fpFromInt = (n: bigint): Fixed => n * FP_ONE;

/** n/d as fixed point, rounded to the nearest; d > 0. */
export const fpRatio = (n: bigint, d: bigint): Fixed => divRound(n * FP_ONE, d);

/** e^x for x ≤ 150; 0 where the result is below half a unit of the last place. */
export function fpExp(x: Fixed): Fixed {
  assert(x <= EXP_MAX, 'an exponent is at most 150');
  return x < -100n * FP_ONE ? 0n : lower(workExp(x * LIFT));
}

/** ln x for x > 0. */
export function fpLn(x: Fixed): Fixed {
  assert(x > 0n, 'a logarithm is taken of a positive number');
  return lower(workLn(x * LIFT));
}

/** √x for x ≥ 0. */
export const fpSqrt = (x: Fixed): Fixed => {
  const root = isqrt(4n * x * FP_ONE);
  return (root + 1n) >> 1n;
};

/** x^y for x ≥ 0; 0^0 is 1 and 0^y is 0 for y > 0. */
export function fpPow(x: Fixed, y: Fixed): Fixed {
  assert(x >= 0n, 'a power is taken of a non-negative number');
  if (y === 0n) return FP_ONE;
  if (x === 0n) {
    assert(y > 0n, 'zero has no negative power');
    return 0n;
  }
  const exponent = (workLn(x * LIFT) * y) / FP_ONE;
  assert(exponent <= EXP_MAX * LIFT, 'a power is at most e^150');
  return exponent < -100n * WORK ? 0n : lower(workExp(exponent));
}

/** The nearest double, for showing only. */
export const fpToNumber = (x: Fixed): number => Number(x) / 1e18;

const NANO = 10n ** 9n;

/**
 * A double as integer nano-units: its exact binary value times 10⁹, half to even. This is how a score is quantised when it
 * is sealed. Throws on NaN, infinities and values outside a signed 64-bit integer.
 */
export function toNano(x: number): bigint {
  assert(Number.isFinite(x), 'a score is a finite number');
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & ((1n << 52n) - 1n)) | (field === 0 ? 0n : 1n << 52n);
  const exponent = (field === 0 ? 1 : field) - 1075;
  const size = exponent >= 0 ? (mantissa * NANO) << BigInt(exponent) : halfEven(mantissa * NANO, BigInt(-exponent));
  const nano = x < 0 ? -size : size;
  assert(BigInt.asIntN(64, nano) === nano, 'a score in nano-units fits a signed 64-bit integer');
  return nano;
}

function halfEven(n: bigint, shift: bigint): bigint {
  const floor = n >> shift;
  const twiceRest = (n - (floor << shift)) << 1n;
  const unit = 1n << shift;
  if (twiceRest < unit || (twiceRest === unit && floor % 2n === 0n)) return floor;
  return floor + 1n;
}

/** Nano-units as a double, for showing only. */
export const fromNano = (nano: bigint): number => Number(nano) / 1e9;
