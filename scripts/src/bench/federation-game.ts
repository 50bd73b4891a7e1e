import { aggregate, robustScores } from '@skein/aggregation';
import type { ClientUpdate } from '@skein/aggregation';
import { federationDecider, nextRound, voteCommitment } from '@skein/fl-aggregator/domain';
import type { FederationCommand, FederationEvent, FederationState, Manifest, RoundState } from '@skein/fl-aggregator/domain';
import { fold, seededBeacon, sha256Hex, unwrap, uuidV8From } from '@skein/kernel';
import { RECIPE } from '../data/baselines.js';
import { PARAMETERS } from './federation-nodes.js';
import type { BenchNode, WeightStore } from './federation-nodes.js';

const UNIT = 10n ** 18n;
/** Every node's stake; equal to the threshold, so that one slash puts a node out. */
export const BENCH_STAKE = 3_000n * UNIT;
const POOL = 1_000n * UNIT;

/** The bench's federated task: the recipe. */
export const BENCH_MANIFEST: Manifest = {
  title: 'diabetes',
  arenaTask: '',
  forwardSha256: '0'.repeat(64),
  publicRowsSha256: '0'.repeat(64),
  parameters: PARAMETERS,
  training: { localEpochs: RECIPE.epochs, batch: RECIPE.batch, learningRate: RECIPE.learningRate, l2: RECIPE.l2 },
  rule: { name: 'fedavg', parameters: {}, updatesMin: 1 },
  rounds: 12,
  participantsMin: 3,
  participantsMax: 6,
  proposersPpm: 500_000,
  stakeThreshold: BENCH_STAKE,
  slashRatePpm: 100_000,
  slashing: 'own-robust-score',
  robustScoreMax: 15,
  voteTolerancePpm: 50_000,
  examplesMax: 10_000,
  deadlines: { joiningMs: 30_000, contributingMs: 30_000, committingMs: 30_000, revealingMs: 30_000 },
};

/** What came of one round. */
export interface PlayedRound {
  readonly round: number;
  readonly accepted: boolean;
  readonly sabotaged: boolean;
  readonly modelSha256: string;
}

/** Plays a federated task with the service's own decider, kernels and draws; clock and transport are the bench's. */
export class FederationGame {
  #state: FederationState = federationDecider.initialState();
  readonly events: FederationEvent[] = [];
  readonly #nodes: Map<string, BenchNode>;
  readonly #store: WeightStore;
  readonly #seed: number;

  constructor(nodes: readonly BenchNode[], store: WeightStore, startSha256: string, seed: number) {
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#store = store;
    this.#seed = seed;
    const id = uuidV8From('bench', seed);
    this.#give({
      kind: 'propose', id, creator: 'bench', manifest: BENCH_MANIFEST, weightsSha256: startSha256, requestId: String(seed),
    });
    this.#give({ kind: 'approve', pool: POOL, nowMs: 0 });
    for (const node of nodes) this.#give({ kind: 'join', node: node.id, stake: BENCH_STAKE, finalCases: [] });
  }

  get state(): FederationState {
    return this.#state;
  }

  #give(command: FederationCommand): readonly FederationEvent[] {
    const events = unwrap(federationDecider.decide(command, this.#state));
    this.#state = fold(federationDecider, events, this.#state);
    this.events.push(...events);
    return events;
  }

  /** Plays all rounds. */
  play(): PlayedRound[] {
    const rounds: PlayedRound[] = [];
    while (this.#state.phase !== 'finished') rounds.push(this.#round(nextRound(this.#state)));
    return rounds;
  }

  #round(round: number): PlayedRound {
    const stakes = Object.fromEntries([...this.#nodes.keys()].map((id) => [id, BENCH_STAKE]));
    const value = seededBeacon(String(this.#seed), String(this.#seed), 'roles', round);
    this.#give({ kind: 'open-round', round, stakes, finalCases: [], beacon: { kind: 'seeded', value }, nowMs: 0 });
    const opened = this.#state.round!;
    const updates = this.#contribute(opened);
    const current = this.#store.get(this.#state.modelSha256);
    const sha256 = this.#store.put(unwrap(aggregate('fedavg', { global: current, updates })).weights);
    this.#give({ kind: 'record-aggregate', round, sha256, scores: Object.fromEntries(robustScores(updates)), nowMs: 0 });
    const events = this.#vote(opened, current, updates);
    const settled = events.find((event) => event.type === 'skein.federation.round.settled.v1');
    return {
      round,
      accepted: settled?.data.outcome === 'accepted',
      sabotaged: opened.proposers.some(({ node }) => this.#nodes.get(node)!.saboteur),
      modelSha256: this.#state.modelSha256,
    };
  }

  #contribute(opened: RoundState): ClientUpdate[] {
    const current = this.#store.get(this.#state.modelSha256);
    return opened.proposers.map(({ node }) => {
      const { weights, examples } = this.#nodes.get(node)!.propose(current, opened.round, this.#seed);
      const sha256 = this.#store.put(weights);
      this.#give({ kind: 'contribute', round: opened.round, node, sha256, examples, norm: 0, nowMs: 0 });
      return { nodeId: node, examples, weights: this.#store.get(sha256) };
    });
  }

  #vote(opened: RoundState, current: Float32Array, updates: readonly ClientUpdate[]): readonly FederationEvent[] {
    const { round } = opened;
    const taskId = this.#state.id;
    const tolerance = BENCH_MANIFEST.voteTolerancePpm / 1e6;
    const votes = opened.voters.map(({ node }) => {
      const salt = sha256Hex(`${this.#seed}/${round}/${node}`);
      return { node, salt, ...this.#nodes.get(node)!.vote(current, updates, this.#store, tolerance) };
    });
    for (const vote of votes)
      this.#give({ kind: 'commit-vote', round, node: vote.node, commit: voteCommitment({ taskId, round, ...vote }), nowMs: 0 });
    return votes.flatMap((vote) => this.#give({ kind: 'reveal-vote', round, ...vote, nowMs: 0 }));
  }
}
