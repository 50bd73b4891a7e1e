/** One size's figures: appends per second and milliseconds of a command (medians of the rounds), and memory in MiB. */
export interface SizeFigures {
  readonly events: number;
  readonly appendsPerSecond: number;
  readonly commandMs: number;
  readonly memoryMiB: number;
}

/** How much a larger store costs: largest loss against the smallest one, as a share. */
export interface Flatness {
  /** 0.1: a tenth fewer appends per second. */
  readonly appendsLost: number;
  /** 0.1: commands take a tenth longer. */
  readonly commandsSlower: number;
  /** 0.1: a tenth more memory. */
  readonly memoryGrown: number;
  readonly goal: number;
  readonly flat: boolean;
}

const GOAL = 0.2;
const rounded = (value: number): number => Number(value.toFixed(3));

/** Compares every size with the first. Negative: the larger store did better. */
export function flatnessOf(sizes: readonly SizeFigures[]): Flatness {
  const [first, ...others] = sizes;
  if (first === undefined || others.length === 0) throw new Error('nothing to compare');
  const appendsLost = rounded(Math.max(...others.map((size) => 1 - size.appendsPerSecond / first.appendsPerSecond)));
  const commandsSlower = rounded(Math.max(...others.map((size) => size.commandMs / first.commandMs - 1)));
  const memoryGrown = rounded(Math.max(...others.map((size) => size.memoryMiB / first.memoryMiB - 1)));
  return { appendsLost, commandsSlower, memoryGrown, goal: GOAL, flat: [appendsLost, commandsSlower, memoryGrown].every((share) => share <= GOAL) };
}
