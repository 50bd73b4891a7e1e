import { fold, formatWallet, sha256Hex } from '@skein/kernel';
import type { FederationCommand } from '../src/domain/federation/federation.commands.js';
import { federationDecider } from '../src/domain/federation/federation.decider.js';
import type { FederationEvent } from '../src/domain/federation/federation.events.js';
import type { FederationState } from '../src/domain/federation/federation.state.js';
import type { Manifest } from '../src/domain/federation/manifest.js';
import { voteCommitment } from '../src/domain/federation/vote.policy.js';

export const UNIT = 10n ** 18n;
export const TASK_ID = '01890000-0000-8000-8000-000000000001';
export const SECONDS = 1_000;
/** A valid SHA-256 made from a word. */
export const hashOf = (word: string): string => sha256Hex(word);
/** A wallet made from a word. */
export const wallet = (word: string): string => formatWallet({ chainId: 31_337, address: `0x${sha256Hex(word).slice(0, 40)}` });

/** A manifest of two to six nodes and three rounds, every phase 30 s. */
export const manifestWith = (change: Partial<Manifest> = {}): Manifest => ({
  title: 'diabetes',
  arenaTask: '',
  forwardSha256: hashOf('forward'),
  publicRowsSha256: hashOf('public'),
  parameters: [{ name: 'w1', dims: [8, 1] }, { name: 'b1', dims: [1] }],
  training: { localEpochs: 2, batch: 16, learningRate: 0.1, l2: 1e-4 },
  rule: { name: 'fedavg', parameters: {}, updatesMin: 1 },
  rounds: 3,
  participantsMin: 2,
  participantsMax: 6,
  proposersPpm: 500_000,
  stakeThreshold: 50n * UNIT,
  slashRatePpm: 100_000,
  slashing: 'own-robust-score',
  robustScoreMax: 15,
  voteTolerancePpm: 50_000,
  examplesMax: 1_000,
  deadlines: { joiningMs: 30 * SECONDS, contributingMs: 30 * SECONDS, committingMs: 30 * SECONDS, revealingMs: 30 * SECONDS },
  ...change,
});

export const propose = (manifest: Manifest): FederationCommand => ({
  kind: 'propose', id: TASK_ID, creator: wallet('partner'), manifest, weightsSha256: hashOf('start'), requestId: 'request-1',
});

/** Plays commands one after another and keeps the events; a refusal throws. */
export class Story {
  state: FederationState = federationDecider.initialState();
  readonly events: FederationEvent[] = [];
  nowMs = 1_000_000;

  give(command: FederationCommand): readonly FederationEvent[] {
    const decided = federationDecider.decide(command, this.state);
    if (!decided.ok) throw new Error(`${decided.error.rule}: ${decided.error.message}`);
    this.events.push(...decided.value);
    this.state = fold(federationDecider, decided.value, this.state);
    return decided.value;
  }

  refusal(command: FederationCommand): string | undefined {
    const decided = federationDecider.decide(command, this.state);
    return decided.ok ? undefined : decided.error.rule;
  }

  /** Proposed, approved and joined by the given nodes. */
  start(manifest: Manifest, pool: bigint, stakes: Readonly<Record<string, bigint>>): this {
    this.give(propose(manifest));
    this.give({ kind: 'approve', pool, nowMs: this.nowMs });
    for (const [node, stake] of Object.entries(stakes)) this.give({ kind: 'join', node, stake, finalCases: [] });
    return this;
  }

  open(stakes: Readonly<Record<string, bigint>>, value = hashOf(`beacon-${this.state.roundsDone}`)): this {
    const round = this.state.roundsDone + 1;
    this.give({ kind: 'open-round', round, stakes, finalCases: [], beacon: { kind: 'seeded', value }, nowMs: this.nowMs });
    return this;
  }

  contribute(node: string, word = node): this {
    const round = this.state.round!.round;
    this.give({ kind: 'contribute', round, node, sha256: hashOf(word), examples: 10, norm: 1, nowMs: this.nowMs });
    return this;
  }

  aggregate(scores: Readonly<Record<string, number>> = {}, sha256 = hashOf('aggregate')): this {
    this.give({ kind: 'record-aggregate', round: this.state.round!.round, sha256, scores, nowMs: this.nowMs });
    return this;
  }

  commit(node: string, score: 1 | -1, sha256 = hashOf('aggregate')): this {
    const round = this.state.round!.round;
    const commit = voteCommitment({ taskId: TASK_ID, round, node, score, sha256, salt: hashOf(`salt-${node}`) });
    this.give({ kind: 'commit-vote', round, node, commit, nowMs: this.nowMs });
    return this;
  }

  reveal(node: string, score: number, sha256 = hashOf('aggregate')): readonly FederationEvent[] {
    const round = this.state.round!.round;
    return this.give({ kind: 'reveal-vote', round, node, score, sha256, salt: hashOf(`salt-${node}`), nowMs: this.nowMs });
  }
}
