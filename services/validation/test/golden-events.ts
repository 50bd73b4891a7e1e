import { fold, type DomainEvent } from '@skein/kernel';
import type { EvaluationCommand } from '../src/domain/evaluation/evaluation.commands.js';
import { evaluationDecider } from '../src/domain/evaluation/evaluation.decider.js';
import type { EvaluationEvent } from '../src/domain/evaluation/evaluation.events.js';
import { sealOf } from '../src/domain/evaluation/seal.policy.js';
import { scoringDecider, type ScoringCommand, type ScoringEvent } from '../src/domain/scoring/scoring.decider.js';
import { validatorDecider, type ManagementChanged } from '../src/domain/validator/validator.decider.js';
import { assignmentOf, openCommand, revealOf, salt, scoringId, submission, terms, walletOf } from './evaluation.fixtures.js';

/** Every type ever written: the records make the compiler complain about one that is missing. */
const EVALUATION_TYPES: Record<EvaluationEvent['type'], true> = {
  'skein.validation.evaluation.opened.v1': true,
  'skein.validation.assignment.accepted.v1': true,
  'skein.validation.score.sealed.v1': true,
  'skein.validation.sealing.closed.v1': true,
  'skein.validation.score.revealed.v1': true,
  'skein.validation.assignment.failed.v1': true,
  'skein.validation.assignment.expired.v1': true,
  'skein.validation.verdict.agreed.v1': true,
  'skein.validation.verdict.failed.v1': true,
};
const SCORING_TYPES: Record<ScoringEvent['type'], true> = {
  'skein.validation.scoring.opened.v1': true,
  'skein.validation.scoring.verdict-noted.v1': true,
  'skein.validation.scoring.completed.v1': true,
};

export const TYPES: readonly string[] = [...Object.keys(EVALUATION_TYPES), ...Object.keys(SCORING_TYPES), 'skein.validation.validator.management-changed.v1' satisfies ManagementChanged['type']];

const by = (digit: number, nowMs: number) => ({ assignmentId: assignmentOf(digit), validator: walletOf(digit), nowMs });
const sealed = (digit: number, score: number): EvaluationCommand[] => [
  { kind: 'accept', ...by(digit, 20) },
  { kind: 'seal', ...by(digit, 30), seal: sealOf(assignmentOf(digit), BigInt(Math.round(score * 1e9)), salt) },
];

function evaluation(...commands: EvaluationCommand[]): EvaluationEvent[] {
  const events: EvaluationEvent[] = [];
  for (const command of commands) {
    const decided = evaluationDecider.decide(command, fold(evaluationDecider, events));
    if (!decided.ok) throw new Error(decided.error.rule);
    events.push(...decided.value);
  }
  return events;
}

/** One evaluation that ends in a verdict: three agree, one fails, one expires. */
export const agreedStory = (): EvaluationEvent[] =>
  evaluation(
    openCommand(),
    ...[1, 2, 3].flatMap((digit) => sealed(digit, 0.7 + digit / 100)),
    { kind: 'fail', ...by(4, 40), rule: 'runner-memory' },
    { kind: 'expire', nowMs: 1000 },
    ...[1, 2, 3].map((digit) => revealOf(digit, 0.7 + digit / 100, 1100)),
  );

/** One evaluation that nobody takes part in. */
export const failedStory = (): EvaluationEvent[] => evaluation(openCommand(), { kind: 'expire', nowMs: 2000 });

/** One scoring of one submission. */
export function scoring(): ScoringEvent[] {
  const commands: ScoringCommand[] = [
    { kind: 'open', scoringId, task: terms.task, round: 1, purpose: 'epoch', submissions: [submission], deadlineMs: 2222, nowMs: 10 },
    { kind: 'note', submission, scores: [{ validator: walletOf(1), stakeUnits: 3000n * 10n ** 18n, scoreNano: 710_000_000n }], nowMs: 1200 },
  ];
  const events: ScoringEvent[] = [];
  for (const command of commands) {
    const decided = scoringDecider.decide(command, fold(scoringDecider, events));
    if (decided.ok) events.push(...decided.value);
  }
  return events;
}

/** A validator that leaves its work to Skein. */
export const management = (): ManagementChanged[] => {
  const decided = validatorDecider.decide({ validator: walletOf(1), managed: true, nowMs: 5 }, validatorDecider.initialState());
  return decided.ok ? [...decided.value] : [];
};

/** One event of each type, as the deciders write it. */
export function goldenEvents(): Map<string, DomainEvent> {
  const all: DomainEvent[] = [...agreedStory(), ...failedStory(), ...scoring(), ...management()];
  return new Map(all.toReversed().map((event) => [event.type, event]));
}
