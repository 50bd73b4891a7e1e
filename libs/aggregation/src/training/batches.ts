import { concatBytes, DeterministicRandom, lengthPrefixed, sha256, shuffle, uint32be, utf8 } from '@skein/kernel';

/** How a node trains in one round. `seed` is any text that names the run (task, round, node): equal seeds, equal order of rows. */
export interface TrainingPlan {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly l2: number;
  readonly seed: string;
}

/** The mini-batches of all epochs in order, as row indices: each epoch is a fresh shuffle, cut into batches; the last may be smaller. */
export function batchesOf(rows: number, plan: Pick<TrainingPlan, 'epochs' | 'batch' | 'seed'>): number[][] {
  const everyRow = Array.from({ length: rows }, (_, i) => i);
  const batches: number[][] = [];
  for (let epoch = 0; epoch < plan.epochs; epoch += 1) {
    const seed = sha256(concatBytes(utf8('skein/batches/v1\0'), lengthPrefixed(plan.seed), uint32be(epoch)));
    const order = shuffle(new DeterministicRandom(seed), everyRow);
    for (let at = 0; at < rows; at += plan.batch) batches.push(order.slice(at, at + plan.batch));
  }
  return batches;
}
