/** Wei per unit of gas: the most that is paid, and of it the most that goes to whoever makes the block. */
export interface Fees {
  readonly feeMax: bigint;
  readonly tipMax: bigint;
}

/** What a replacement pays more: nodes ask for 10 % on both, and for more than before. */
const raised = (wei: bigint): bigint => {
  const eighthMore = (wei * 9n + 7n) / 8n;
  return eighthMore > wei ? eighthMore : wei + 1n;
};

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The least that may replace `before`, or what the chain asks for now where that is more. */
export function replacementFees(before: Fees, now: Fees): Fees {
  const tipMax = larger(raised(before.tipMax), now.tipMax);
  return { tipMax, feeMax: larger(larger(raised(before.feeMax), now.feeMax), tipMax) };
}

/** Whether every node takes the one in the place of the other. */
export const replaces = (next: Fees, before: Fees): boolean => next.feeMax >= raised(before.feeMax) && next.tipMax >= raised(before.tipMax);

/** Twice the base fee outlives six full blocks in a row. */
export const firstFees = (baseFee: bigint, tip: bigint): Fees => ({ feeMax: baseFee * 2n + tip, tipMax: tip });
