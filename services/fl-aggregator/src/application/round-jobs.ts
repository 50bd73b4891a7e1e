import { Inject, Injectable } from '@nestjs/common';
import { aggregate, isRuleName, robustScores } from '@skein/aggregation';
import type { ClientUpdate } from '@skein/aggregation';
import { RejectionError, unwrap } from '@skein/kernel';
import type { Beacon } from '@skein/kernel';
import { parseOnnx, unflattenParameters, withParameters } from '@skein/models';
import { BEACON } from '@skein/platform';
import type { FederationState } from '../domain/index.js';
import type { Cause, PhaseDeadline, RoundWork } from './effects.js';
import { FederationDesk } from './federation-desk.js';
import type { Origin } from './federation-desk.js';
import { SELF } from './ports.js';
import { WeightArtifacts } from './weight-artifacts.js';

/** What a job or timer gives as origin: its id is the command's key, so that a repeated run has one effect. */
export const originOf = (jobId: string, cause: Cause): Origin => ({
  metadata: { ...cause, actor: SELF, idempotencyKey: jobId },
  key: { scope: 'federation-job', key: jobId, requestHash: jobId },
});

/** The work that a round's events ask for: the draw, the aggregate, the export, the deadlines. Each ends in one command. */
@Injectable()
export class RoundJobs {
  readonly #desk: FederationDesk;
  readonly #artifacts: WeightArtifacts;
  readonly #beacon: Beacon;

  constructor(@Inject(FederationDesk) desk: FederationDesk, @Inject(WeightArtifacts) artifacts: WeightArtifacts, @Inject(BEACON) beacon: Beacon) {
    this.#desk = desk;
    this.#artifacts = artifacts;
    this.#beacon = beacon;
  }

  /** Draws the round's public randomness and opens it. */
  async openRound({ taskId, round, cause }: RoundWork, jobId: string): Promise<void> {
    const { requestId, modelSha256, creator } = await this.#desk.state(taskId);
    // Before the round opens, so that whoever sees it open can read the model that it starts from.
    await this.#artifacts.grant(modelSha256, [creator]);
    const beacon = await this.#beacon.draw({ requestId, what: 'federation-roles', round });
    await this.#desk.give(taskId, originOf(jobId, cause), async (nowMs, state) => ({
      kind: 'open-round', round, beacon, nowMs, ...(await this.#desk.memberStakes(taskId, state)),
    }));
  }

  /** Computes the aggregate that voters vote on, and each proposer's robust score. */
  async aggregate({ taskId, round, cause }: RoundWork, jobId: string): Promise<void> {
    const state = await this.#desk.state(taskId);
    if (state.round?.round !== round || state.round.phase !== 'aggregating') return;
    const updates = await this.#updates(state);
    const sha256 = await this.#aggregateOf(state, updates);
    const scores = Object.fromEntries(robustScores(updates));
    await this.#desk.give(taskId, originOf(jobId, cause), (nowMs) => ({ kind: 'record-aggregate', round, sha256, scores, nowMs }));
  }

  async #updates(state: FederationState): Promise<ClientUpdate[]> {
    const specs = state.manifest!.parameters;
    return Promise.all(
      Object.entries(state.round!.contributions).map(async ([nodeId, { sha256, examples }]) => ({
        nodeId, examples, weights: await this.#artifacts.weights(sha256, specs),
      })),
    );
  }

  async #aggregateOf(state: FederationState, updates: ClientUpdate[]): Promise<string> {
    const { rule, parameters: specs } = state.manifest!;
    if (!isRuleName(rule.name)) throw new RejectionError({ code: 'internal', rule: 'rule-unknown', message: `no rule ${rule.name}` });
    const global = await this.#artifacts.weights(state.modelSha256, specs);
    const { weights } = unwrap(aggregate(rule.name, { global, updates, parameters: rule.parameters }));
    return this.#artifacts.putWeights(specs, weights);
  }

  /** Puts the final weights into the forward graph; the creator and the marketplace may read the result. */
  async exportModel({ taskId, cause }: RoundWork, jobId: string): Promise<void> {
    const state = await this.#desk.state(taskId);
    const { forwardSha256, parameters } = state.manifest!;
    const forward = unwrap(parseOnnx(await this.#artifacts.bytes(forwardSha256)));
    const weights = await this.#artifacts.weights(state.modelSha256, parameters);
    await this.#artifacts.grant(state.modelSha256, [state.creator]);
    const bytes = withParameters(forward, unflattenParameters(parameters, weights));
    const sha256 = await this.#artifacts.putModel(bytes, [state.creator, 'service:marketplace']);
    await this.#desk.give(taskId, originOf(jobId, cause), () => ({ kind: 'record-export', sha256 }));
  }

  /** A deadline has passed. One that its phase has outrun does nothing. */
  async deadline({ taskId, round, phase, cause }: PhaseDeadline, dueAtMs: number): Promise<void> {
    const origin = originOf(`deadline-${taskId}-${round}-${phase}-${dueAtMs}`, cause);
    await this.#desk.give(taskId, origin, (nowMs) => ({ kind: 'close-phase', round, phase, nowMs: Math.max(nowMs, dueAtMs) }));
  }
}
