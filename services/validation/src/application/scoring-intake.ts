import { Inject, Injectable } from '@nestjs/common';
import { type EventStore, type InboxEntry, inboxHas } from '@skein/events';
import { unwrap, type Beacon } from '@skein/kernel';
import { BEACON, EVENT_STORE } from '@skein/platform';
import type { Candidate } from '../domain/evaluation/draw.policy.js';
import { evaluationIdOf } from '../domain/evaluation/evaluation.decider.js';
import type { BeaconValue, EvaluationTerms } from '../domain/evaluation/evaluation.events.js';
import { scoringDecider, type ScoringCommand, type ScoringEvent, type ScoringState } from '../domain/scoring/scoring.decider.js';
import { validatorDecider } from '../domain/validator/validator.decider.js';
import { EvaluationDesk, type Origin } from './evaluation-desk.js';
import { PARTIES, type Parties } from './ports.js';
import type { ScoringRequest } from './scoring-request.js';

/** Parts of the window from request to deadline after which sealing, and revealing, ends. The rest is for the verdict to travel. */
const SEALING_PART = 2 / 3;
const REVEALING_PART = 9 / 10;

const partOf = ({ requestedAtMs, deadlineMs }: ScoringRequest, part: number): number => Math.floor(requestedAtMs + (deadlineMs - requestedAtMs) * part);

/**
 * Turns a requested scoring into one evaluation per submission, each with its drawn validators. Everything in it follows from
 * the request and the beacon, and what is open stays as it is: a repeated request changes nothing.
 */
@Injectable()
export class ScoringIntake {
  readonly #store: EventStore;
  readonly #desk: EvaluationDesk;
  readonly #beacon: Beacon;
  readonly #parties: Parties;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(EvaluationDesk) desk: EvaluationDesk, @Inject(BEACON) beacon: Beacon, @Inject(PARTIES) parties: Parties) {
    this.#store = store;
    this.#desk = desk;
    this.#beacon = beacon;
    this.#parties = parties;
  }

  /** The last command carries the inbox entry: a request that was cut short goes on, one that is done or discarded has no effect. */
  async open(request: ScoringRequest, origin: Origin & { readonly inbox: InboxEntry }): Promise<void> {
    if (await inboxHas(this.#store.pool, origin.inbox)) return;
    const { metadata } = origin;
    const last = request.submissions.at(-1);
    const beacon = await this.#beacon.draw({ requestId: request.taskRequestId, what: 'validators', round: request.round });
    const parties = await this.#parties.partiesOf([...request.validators.map(({ wallet }) => wallet), ...request.submissions.map(({ owner }) => owner)]);
    const candidates = request.validators.map(({ wallet, stakeUnits }) => ({ wallet, stakeUnits, party: parties.get(wallet) ?? wallet }));
    const managed = await this.#managed(candidates);
    await this.#openScoring(request, last === undefined ? origin : { metadata });
    for (const submission of request.submissions) {
      const excludedParties = new Set([parties.get(submission.owner) ?? submission.owner]);
      const terms = termsOf(request, submission);
      await this.#openEvaluation(terms, { beacon, candidates, excludedParties, managed, validatorsPerSubmission: request.validatorsPerSubmission }, submission === last ? origin : { metadata });
    }
  }

  async #openEvaluation(
    terms: EvaluationTerms,
    draw: { beacon: BeaconValue; candidates: readonly Candidate[]; excludedParties: ReadonlySet<string>; managed: ReadonlySet<string>; validatorsPerSubmission: number },
    origin: Origin,
  ): Promise<void> {
    unwrap(await this.#desk.give(terms.evaluationId, origin, (nowMs) => ({ kind: 'open', terms, ...draw, nowMs })));
  }

  /** The scoring is open before its first verdict can be: the verdicts are noted in it. */
  async #openScoring({ scoringId, task, round, purpose, submissions, deadlineMs }: ScoringRequest, origin: Origin): Promise<void> {
    const command = { kind: 'open' as const, scoringId, task, round, purpose, submissions: submissions.map(({ submission }) => submission), deadlineMs };
    unwrap(
      await this.#store.execute<ScoringState, ScoringCommand, ScoringEvent>({
        decider: scoringDecider,
        streamId: `scoring-${scoringId}`,
        command: (nowMs) => ({ ...command, nowMs }),
        ...origin,
      }),
    );
  }

  async #managed(candidates: readonly Candidate[]): Promise<ReadonlySet<string>> {
    const states = await Promise.all(candidates.map(async ({ wallet }) => ({ wallet, ...(await this.#store.state(validatorDecider, `validator-${wallet}`)).state })));
    return new Set(states.filter(({ managed }) => managed).map(({ wallet }) => wallet));
  }
}

function termsOf(request: ScoringRequest, { submission, owner, artifactSha256, order }: ScoringRequest['submissions'][number]): EvaluationTerms {
  const { taskRequestId: _, requestedAtMs: __, deadlineMs: ___, submissions: ____, validators: _____, validatorsPerSubmission: ______, ...shared } = request;
  return {
    ...shared,
    evaluationId: evaluationIdOf(request.scoringId, submission),
    submission,
    owner,
    artifactSha256,
    order,
    sealDueAtMs: partOf(request, SEALING_PART),
    revealDueAtMs: partOf(request, REVEALING_PART),
  };
}
