import { rowsByLabel, selectRows } from '@skein/models';
import type { Dataset } from '@skein/models';

/** A node's rows: those it trains on, and those it votes by. */
export interface LocalRows {
  readonly train: Dataset;
  readonly heldOut: Dataset;
}

/** Holds out the last fifth (rounded) of every label's rows, in the order of the data set. */
export function holdOut(dataset: Dataset): LocalRows {
  const groups = [...rowsByLabel(dataset).values()];
  const kept = (rows: number[]): number => rows.length - Math.round(rows.length / 5);
  return {
    train: selectRows(dataset, groups.flatMap((rows) => rows.slice(0, kept(rows)))),
    heldOut: selectRows(dataset, groups.flatMap((rows) => rows.slice(kept(rows)))),
  };
}
