import { Inject, Injectable } from '@nestjs/common';
import { decodeWeights, difference, norm } from '@skein/aggregation';
import type { EventMetadata, EventStore, Executed, Execute } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { EVENT_STORE } from '@skein/platform';
import { activeMembers, federationDecider, federationStream } from '../domain/index.js';
import type { FederationCommand, FederationEvent, FederationState } from '../domain/index.js';
import { effectsOf } from './effects.js';
import { STAKES } from './ports.js';
import type { CopiedStakes, StakePort } from './ports.js';
import { TaskSignals } from './task-signals.js';
import { WeightArtifacts } from './weight-artifacts.js';

type Key = Execute<FederationState, FederationCommand, FederationEvent, unknown>['key'];

/** How a command comes in: on behalf of whom, and under which idempotency key. */
export interface Origin {
  readonly metadata: EventMetadata;
  readonly key?: Key;
}

type CommandOf = (nowMs: number, state: FederationState) => FederationCommand | Promise<FederationCommand>;

/** The one way for commands to a federated task's stream; wakes whoever watches the task. */
@Injectable()
export class FederationDesk {
  readonly #store: EventStore;
  readonly #stakes: StakePort;
  readonly #artifacts: WeightArtifacts;
  readonly #signals: TaskSignals;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(STAKES) stakes: StakePort,
    @Inject(WeightArtifacts) artifacts: WeightArtifacts,
    @Inject(TaskSignals) signals: TaskSignals,
  ) {
    this.#store = store;
    this.#stakes = stakes;
    this.#artifacts = artifacts;
    this.#signals = signals;
  }

  async state(taskId: string): Promise<FederationState> {
    return (await this.#store.state(federationDecider, federationStream(taskId))).state;
  }

  /** Executes a command; refusals are thrown. */
  async give<A = undefined>(taskId: string, origin: Origin, command: CommandOf, answer?: (state: FederationState) => A): Promise<Executed<A>> {
    const executed = await this.#store.execute<FederationState, FederationCommand, FederationEvent, A>({
      decider: federationDecider,
      streamId: federationStream(taskId),
      command,
      metadata: origin.metadata,
      ...(origin.key === undefined ? {} : { key: origin.key }),
      effects: effectsOf,
      ...(answer === undefined ? {} : { answer }),
    });
    const done = unwrap(executed);
    this.#signals.changed(taskId);
    return done;
  }

  /** Joins with the wallet's finalised stake. */
  async join(taskId: string, node: string, origin: Origin): Promise<Executed<{ stakeUnits: string }>> {
    const answer = (stake: bigint) => ({ stakeUnits: stake.toString() });
    let stake = 0n;
    return this.give(
      taskId,
      origin,
      async (_nowMs, { openSlashes }) => {
        const { stakes, ...asOf } = await this.#stakes.stakesOf(taskId, [node], Object.keys(openSlashes));
        stake = stakes[node] ?? 0n;
        return { kind: 'join', node, stake, ...asOf };
      },
      () => answer(stake),
    );
  }

  /** Stakes of all members now, for the draw. */
  async memberStakes(taskId: string, state: FederationState): Promise<CopiedStakes> {
    return this.#stakes.stakesOf(taskId, activeMembers(state), Object.keys(state.openSlashes));
  }

  /**
   * Takes an uploaded update in: the bytes must be the node's own upload, hold exactly the manifest's tensors and be finite.
   * Role, round, deadline, number of examples and duplicates are the decider's.
   */
  async contribute(taskId: string, update: { node: string; round: number; sha256: string; examples: number }, origin: Origin): Promise<Executed<undefined>> {
    const { node, round, sha256, examples } = update;
    return this.give(taskId, origin, async (nowMs, state) => {
      const command = { kind: 'contribute', round, node, sha256, examples, nowMs } as const;
      // Who was not drawn learns nothing about bytes: the decider refuses before they are looked at.
      if (!state.round?.proposers.some((member) => member.node === node)) return { ...command, norm: 0 };
      const specs = state.manifest!.parameters;
      const weights = unwrap(decodeWeights(specs, await this.#artifacts.adopt(sha256, node)));
      const current = await this.#artifacts.weights(state.modelSha256, specs);
      return { ...command, norm: norm(difference(weights, current)) };
    });
  }
}
