/** Rows below this count per class are padded with the task's public rows of that class. */
export const HELD_OUT_MIN_PER_CLASS = 5;

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
