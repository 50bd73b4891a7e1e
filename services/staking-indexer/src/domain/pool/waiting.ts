import { COUNTS_AFTER_EPOCHS } from './pool-book.js';

/** Shares asked for in one epoch that do not count yet. */
export interface Waiting {
  readonly epoch: number;
  readonly sharesIn: bigint;
  readonly sharesOut: bigint;
}

/** Adds to what waits, by epoch. */
export function wait(all: readonly Waiting[], asked: Waiting): Waiting[] {
  const before = all.find(({ epoch }) => epoch === asked.epoch);
  const sum = before === undefined ? asked : { epoch: asked.epoch, sharesIn: before.sharesIn + asked.sharesIn, sharesOut: before.sharesOut + asked.sharesOut };
  return [...all.filter((one) => one !== before), sum].sort((a, b) => a.epoch - b.epoch);
}

/** What is left once an epoch counts. */
export const without = (all: readonly Waiting[], epoch: number): Waiting[] => all.filter((one) => one.epoch !== epoch);

/** Shares that count by time alone while `currentEpoch` runs, although nobody has touched the pool since. */
export const byTime = (all: readonly Waiting[], currentEpoch: number): bigint =>
  all.reduce((sum, { epoch, sharesIn, sharesOut }) => (epoch + COUNTS_AFTER_EPOCHS <= currentEpoch ? sum + sharesIn - sharesOut : sum), 0n);

/** As text for a column; epochs ascend, so that equal states are equal texts. */
export const formatWaiting = (all: readonly Waiting[]): string => all.map(({ epoch, sharesIn, sharesOut }) => `${epoch}:${sharesIn}:${sharesOut}`).join(' ');

export const parseWaiting = (text: string): Waiting[] =>
  text === ''
    ? []
    : text.split(' ').map((one) => {
        const [epoch, sharesIn, sharesOut] = one.split(':') as [string, string, string];
        return { epoch: Number(epoch), sharesIn: BigInt(sharesIn), sharesOut: BigInt(sharesOut) };
      });
