import { holdOut } from '@skein/aggregation';
import type { BinaryRows } from '@skein/aggregation';
import { formatWallet, sha256Hex } from '@skein/kernel';
import { columnMoments, selectRows } from '@skein/models';
import type { Dataset } from '@skein/models';
import { FederationGame } from './federation-game.js';
import type { PlayedRound } from './federation-game.js';
import { accuracyOf, baselines, fromZeros, pimaRows, standardised } from '../data/baselines.js';
import { BenchNode, WeightStore } from './federation-nodes.js';
import { storySplit } from '../data/story-split.js';
import type { StorySplit } from '../data/story-split.js';

/** Accuracies on the untouched test set for one seed, fractions of 1; `alone` is the mean of the three hospitals. */
export interface SeedFigures {
  readonly seed: number;
  readonly alone: number;
  readonly hospitals: readonly number[];
  readonly federated: number;
  readonly pooled: number;
  readonly winner: number;
  readonly sabotagedAccepted: number;
  readonly rounds: readonly Pick<PlayedRound, 'round' | 'accepted' | 'sabotaged'>[];
  readonly slashed: readonly { readonly node: string; readonly honest: boolean; readonly units: string }[];
}

/** What `npm run bench -- federation` prints: means over the seeds. */
export interface FederationFigures {
  readonly seeds: number;
  readonly alone: number;
  readonly federated: number;
  readonly pooled: number;
  readonly winner: number;
  readonly sabotagedAccepted: number;
  readonly bySeed: readonly SeedFigures[];
}

const EPOCHS = 24;
/** A competitor trains its starting model to the end, not for 24 epochs. */
const WINNER_EPOCHS = 100;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const walletOf = (name: string): string => formatWallet({ chainId: 31_337, address: `0x${sha256Hex(name).slice(0, 40)}` });

function nodesOf(dataset: Dataset, split: StorySplit, scale: (rows: Dataset) => BinaryRows): BenchNode[] {
  const publicRows = scale(selectRows(dataset, split.public));
  const make = (name: string, rows: readonly number[], saboteur: boolean): BenchNode => {
    const { train, heldOut } = holdOut(selectRows(dataset, rows));
    return new BenchNode(walletOf(name), { train: scale(train), heldOut: scale(heldOut), publicRows }, saboteur);
  };
  return [
    ...split.hospitals.map((rows, i) => make(`hospital-${i}`, rows, false)),
    ...split.laboratories.map((rows, i) => make(`laboratory-${i}`, rows, false)),
    make('saboteur', split.saboteur, true),
  ];
}

/** One seed: the baselines on all of their rows, the federation on four fifths of each node's rows. */
export function benchSeed(dataset: Dataset, seed: number): SeedFigures {
  const split = storySplit(dataset, seed);
  const moments = columnMoments(selectRows(dataset, split.public));
  const scale = (rows: Dataset): BinaryRows => standardised(rows, moments);
  const rowsOf = (rows: readonly number[]): BinaryRows => scale(selectRows(dataset, rows));
  const test = rowsOf(split.test);
  const winner = fromZeros(rowsOf(split.public), WINNER_EPOCHS, `${seed}/winner`);
  const { hospitals, pooled } = baselines(dataset, seed, EPOCHS);
  const store = new WeightStore();
  const nodes = nodesOf(dataset, split, scale);
  const game = new FederationGame(nodes, store, store.put(winner), seed);
  const rounds = game.play();
  return {
    seed,
    alone: mean(hospitals),
    hospitals,
    federated: accuracyOf(store.get(game.state.modelSha256), test),
    pooled,
    winner: accuracyOf(winner, test),
    sabotagedAccepted: rounds.filter(({ accepted, sabotaged }) => accepted && sabotaged).length,
    rounds: rounds.map(({ round, accepted, sabotaged }) => ({ round, accepted, sabotaged })),
    slashed: slashesOf(game, nodes),
  };
}

function slashesOf(game: FederationGame, nodes: readonly BenchNode[]): SeedFigures['slashed'] {
  return game.events.flatMap((event) =>
    event.type === 'skein.federation.round.settled.v1'
      ? event.data.slashes.map(({ node, units }) => ({
          node,
          honest: !nodes.find(({ id }) => id === node)!.saboteur,
          units: units.toString(),
        }))
      : [],
  );
}

/** The learning figures over seeds 0 … seeds − 1, by the deciders and kernels of the service, without services. */
export function benchFederation(seeds: number): FederationFigures {
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > 10_000) throw new Error('--seeds must be an integer from 1 to 10000');
  const dataset = pimaRows();
  const bySeed = Array.from({ length: seeds }, (_, seed) => benchSeed(dataset, seed));
  return {
    seeds,
    alone: mean(bySeed.map(({ alone }) => alone)),
    federated: mean(bySeed.map(({ federated }) => federated)),
    pooled: mean(bySeed.map(({ pooled }) => pooled)),
    winner: mean(bySeed.map(({ winner }) => winner)),
    sabotagedAccepted: bySeed.reduce((sum, { sabotagedAccepted }) => sum + sabotagedAccepted, 0),
    bySeed,
  };
}
