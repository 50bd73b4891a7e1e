import { selectRows, type Dataset } from '@skein/models';
import { pimaRows } from './baselines.js';
import { storySplit } from './story-split.js';

/** The story's rows by whose they are. */
export interface StoryData {
  /** The untouched fifth. */
  readonly test: Dataset;
  /** The public training rows. */
  readonly open: Dataset;
  /** The two hidden validation sets. */
  readonly rotating: Dataset;
  readonly heldBack: Dataset;
  /** Private: they never leave their owners. */
  readonly hospitals: readonly Dataset[];
  readonly laboratories: readonly Dataset[];
  readonly saboteur: Dataset;
}

/** Cuts the diabetes data as the seed says. */
export function storyData(seed: number): StoryData {
  const all = pimaRows();
  const split = storySplit(all, seed);
  const [rotating, heldBack] = split.hidden;
  if (rotating === undefined || heldBack === undefined) throw new Error('the story needs two hidden sets');
  const take = (rows: readonly number[]): Dataset => selectRows(all, rows);
  return { test: take(split.test), open: take(split.public), rotating: take(rotating), heldBack: take(heldBack), hospitals: split.hospitals.map(take), laboratories: split.laboratories.map(take), saboteur: take(split.saboteur) };
}
