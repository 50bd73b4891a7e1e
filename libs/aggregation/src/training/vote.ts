const PROBABILITY_MIN = 1e-12;

/** Rows below this count per class are padded with the task's public rows of that class. */
export const HELD_OUT_MIN_PER_CLASS = 5;

/** A voter's evidence: labels (class indices) of rows and, per row, the probability that the model gives to its label. */
export interface Scored {
  readonly labels: ArrayLike<number>;
  readonly probabilities: ArrayLike<number>;
}

/** Mean over the classes present of the mean −ln p of that class: an imbalance of the rows does not tilt it. 0 for no rows. */
export function classBalancedLoss({ labels, probabilities }: Scored): number {
  const sums = new Map<number, { sum: number; count: number }>();
  for (let i = 0; i < labels.length; i += 1) {
    const entry = sums.get(labels[i]!) ?? { sum: 0, count: 0 };
    entry.sum -= Math.log(Math.max(probabilities[i]!, PROBABILITY_MIN));
    entry.count += 1;
    sums.set(labels[i]!, entry);
  }
  const losses = [...sums.keys()].sort((a, b) => a - b).map((label) => sums.get(label)!.sum / sums.get(label)!.count);
  return losses.length === 0 ? 0 : losses.reduce((total, loss) => total + loss, 0) / losses.length;
}

/**
 * Which rows a voter judges on: its held-out rows, and of each class of which it holds out fewer than five also the task's
 * public rows of that class. Indices into `publicLabels`.
 */
export function publicRowsFor(heldOut: ArrayLike<number>, publicLabels: ArrayLike<number>): number[] {
  const counts = new Map<number, number>();
  for (let i = 0; i < heldOut.length; i += 1) counts.set(heldOut[i]!, (counts.get(heldOut[i]!) ?? 0) + 1);
  return Array.from({ length: publicLabels.length }, (_, i) => i).filter(
    (i) => (counts.get(publicLabels[i]!) ?? 0) < HELD_OUT_MIN_PER_CLASS,
  );
}

/** +1 when the candidate's loss is at most (1 + tolerance) × the current one, else −1; never 0. A NaN loss is −1. */
export const verdict = (current: number, candidate: number, tolerance: number): 1 | -1 =>
  candidate <= (1 + tolerance) * current ? 1 : -1;
