import { fold, type Rejection } from '@skein/kernel';
import { specOf } from '@skein/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidatesSha256, drawValidators } from './draw.policy.js';
import type { EvaluationCommand } from './evaluation.commands.js';
import { evaluationDecider } from './evaluation.decider.js';
import type { EvaluationEvent, VerdictAgreed, VerdictFailed } from './evaluation.events.js';
import { assignmentOf, bitsOf, evaluationId, manifestOf, openCommand, revealOf, salt, submission, terms, walletOf } from '../../../test/evaluation.fixtures.js';
import type { EvaluationState } from './evaluation.state.js';
import { sealOf } from './seal.policy.js';

/** What the commands lead to, one after another; a refused one ends the test. */
function after(...commands: EvaluationCommand[]): EvaluationEvent[] {
  const events: EvaluationEvent[] = [];
  let state: EvaluationState = evaluationDecider.initialState();
  for (const command of commands) {
    const decided = evaluationDecider.decide(command, state);
    if (!decided.ok) throw new Error(`${command.kind}: ${decided.error.rule}`);
    state = fold(evaluationDecider, decided.value, state);
    events.push(...decided.value);
  }
  return events;
}

const by = (digit: number, nowMs = 20) => ({ assignmentId: assignmentOf(digit), validator: walletOf(digit), nowMs });
const accept = (digit: number): EvaluationCommand => ({ kind: 'accept', ...by(digit) });
const seal = (digit: number, score: number): EvaluationCommand => ({ kind: 'seal', ...by(digit, 30), seal: sealOf(assignmentOf(digit), BigInt(Math.round(score * 1e9)), salt) });
const work = (digit: number, score: number): EvaluationCommand[] => [accept(digit), seal(digit, score)];
const fail = (digit: number, rule: string): EvaluationCommand => ({ kind: 'fail', ...by(digit), rule });
const types = (events: readonly EvaluationEvent[]): string[] => events.map(({ type }) => type.replace('skein.validation.', '').replace('.v1', ''));
const opened = after(openCommand());
const allSealed = after(openCommand(), ...[1, 2, 3, 4, 5].flatMap((digit) => work(digit, digit / 10)));
const last = <E extends EvaluationEvent>(events: readonly EvaluationEvent[]): E => events.at(-1) as E;

describe('opening', () => {
  it('offers an assignment to each drawn validator, sorted by wallet, and opens once', () => {
    expect(types(opened)).toEqual(['evaluation.opened']);
    const { data } = opened[0] as Extract<EvaluationEvent, { type: 'skein.validation.evaluation.opened.v1' }>;
    expect(data.assignments.map(({ validator, managed }) => [validator, managed])).toEqual([1, 2, 3, 4, 5].map((digit) => [walletOf(digit), digit <= 2]));
    expect(data).toMatchObject({ ...terms, atMs: 10, candidatesSha256: candidatesSha256(openCommand().candidates) });
    specOf(evaluationDecider).given(...opened).when(openCommand({ nowMs: 99 })).then();
  });

  it('fails at once where fewer than the quorum may judge, and asks nobody', () => {
    const events = after(openCommand({ candidates: openCommand().candidates.slice(0, 2) }));
    expect(types(events)).toEqual(['evaluation.opened', 'verdict.failed']);
    expect(last<VerdictFailed>(events).data).toMatchObject({ rule: 'too-few-validators', modelAtFault: false, missed: [] });
  });

  it('never draws a wallet of the owner’s party', () => {
    const candidates = openCommand().candidates.map((candidate, i) => ({ ...candidate, party: i < 2 ? 'party-of-owner' : candidate.party }));
    const events = after(openCommand({ candidates, excludedParties: new Set(['party-of-owner']) }));
    expect(fold(evaluationDecider, events).assignments.map(({ validator }) => validator)).toEqual([walletOf(3), walletOf(4), walletOf(5)]);
  });
});

describe('sealing', () => {
  it('goes offered → accepted → sealed, and a repeated seal is no event', () => {
    specOf(evaluationDecider).given(...opened).when(accept(1)).then({ type: 'skein.validation.assignment.accepted.v1', data: { evaluationId, assignmentId: assignmentOf(1), validator: walletOf(1), atMs: 20 } });
    specOf(evaluationDecider).given(...after(openCommand(), ...work(1, 0.5))).when(seal(1, 0.5)).then();
  });

  const refusals: [name: string, given: EvaluationEvent[], command: EvaluationCommand, expected: Partial<Rejection>][] = [
    ['another wallet’s assignment does not exist', opened, { ...accept(1), validator: walletOf(2) } as EvaluationCommand, { code: 'not-found', rule: 'assignment', field: 'name' }],
    ['an unknown assignment does not exist', opened, { ...accept(1), assignmentId: evaluationId } as EvaluationCommand, { code: 'not-found', rule: 'assignment' }],
    ['nothing is there before opening', [], accept(1), { code: 'not-found' }],
    ['accepting twice', after(openCommand(), accept(1)), accept(1), { rule: 'assignment-status' }],
    ['sealing without accepting', opened, seal(1, 0.5), { rule: 'assignment-status' }],
    ['another seal', after(openCommand(), ...work(1, 0.5)), seal(1, 0.6), { rule: 'assignment-status' }],
    ['accepting too late', opened, { kind: 'accept', ...by(1, 1000) }, { rule: 'sealing-closed', field: 'name' }],
    ['sealing too late', after(openCommand(), accept(1)), { ...seal(1, 0.5), nowMs: 1000 }, { rule: 'sealing-closed' }],
    ['failing after sealing', after(openCommand(), ...work(1, 0.5)), fail(1, 'runner-memory'), { rule: 'assignment-status' }],
    ['revealing while others may seal', after(openCommand(), ...work(1, 0.5)), revealOf(1, 0.5, 40), { rule: 'sealing-open' }],
    ['a score that was not sealed', allSealed, revealOf(1, 0.2, 40), { code: 'invalid-argument', rule: 'seal-mismatch', field: 'salt' }],
    ['another salt', allSealed, revealOf(1, 0.1, 40, { salt: 'ee'.repeat(32) }), { rule: 'seal-mismatch' }],
    ['a score past 64 bits', allSealed, revealOf(1, 0.1, 40, { scoreNano: 1n << 63n }), { rule: 'seal-mismatch' }],
    ['a manifest of another score', allSealed, revealOf(1, 0.1, 40, { manifest: manifestOf(0.2) }), { rule: 'manifest-mismatch', field: 'manifest.result_bits' }],
    ['a manifest of no number', allSealed, revealOf(1, 0.1, 40, { manifest: { ...manifestOf(0), resultBits: bitsOf(Number.NaN) } }), { rule: 'manifest-mismatch' }],
    ['a manifest of another model', allSealed, revealOf(1, 0.1, 40, { manifest: { ...manifestOf(0.1), artifactSha256: '00' } }), { field: 'manifest.artifact_sha256' }],
    ['a manifest of other data', allSealed, revealOf(1, 0.1, 40, { manifest: { ...manifestOf(0.1), dataSetSha256: '00' } }), { field: 'manifest.data_set_sha256' }],
    ['a manifest of another metric', allSealed, revealOf(1, 0.1, 40, { manifest: { ...manifestOf(0.1), metric: 'auc' } }), { field: 'manifest.metric' }],
    ['revealing too late', allSealed, revealOf(1, 0.1, 2000), { rule: 'reveal-closed' }],
    ['revealing twice', after(openCommand(), ...[1, 2, 3, 4, 5].flatMap((digit) => work(digit, digit / 10)), revealOf(1, 0.1, 40)), revealOf(1, 0.1, 41), { rule: 'assignment-status' }],
  ];
  it.each(refusals)('refuses: %s', (_name, given, command, expected) => {
    specOf(evaluationDecider).given(...given).when(command).thenRejected(expected);
  });

  it('closes when all have sealed or given up', () => {
    expect(types(allSealed).at(-1)).toBe('sealing.closed');
    const events = after(openCommand(), ...[1, 2, 3, 4].flatMap((digit) => work(digit, 0.5)), fail(5, 'gave-up'));
    expect(types(events).slice(-2)).toEqual(['assignment.failed', 'sealing.closed']);
  });

  it('closes at its deadline; who has not sealed is lost', () => {
    const events = after(openCommand(), ...[1, 2, 3].flatMap((digit) => work(digit, 0.5)), accept(4), { kind: 'expire', nowMs: 1000 });
    expect(types(events).slice(-3)).toEqual(['assignment.expired', 'assignment.expired', 'sealing.closed']);
    expect(fold(evaluationDecider, events).assignments.map(({ status }) => status)).toEqual(['sealed', 'sealed', 'sealed', 'expired', 'expired']);
  });

  it('does nothing for a timer that comes early, twice or late', () => {
    specOf(evaluationDecider).given(...opened).when({ kind: 'expire', nowMs: 999 }).then();
    specOf(evaluationDecider).given().when({ kind: 'expire', nowMs: 5000 }).then();
    const decided = after(openCommand(), { kind: 'expire', nowMs: 2000 });
    specOf(evaluationDecider).given(...decided).when({ kind: 'expire', nowMs: 3000 }).then();
  });
});

describe('verdict', () => {
  const scores = [0.6, 0.6, 0.6, 0.6, 0.8];
  const sealed = [openCommand(), ...scores.flatMap((score, i) => work(i + 1, score))];

  it('is agreed with the last reveal; shares sum to one; the liar’s share is small', () => {
    const events = after(...sealed, ...scores.map((score, i) => revealOf(i + 1, score, 50 + i)));
    expect(types(events).slice(-2)).toEqual(['score.revealed', 'verdict.agreed']);
    const { data } = last<VerdictAgreed>(events);
    expect(data).toMatchObject({ submission, agreedNano: 600_000_000n, madNano: 0n, toleranceNano: 10_000_000n, missed: [], atMs: 54 });
    expect(data.scores.reduce((sum, { shareE18 }) => sum + shareE18, 0n)).toBe(10n ** 18n);
    expect(data.scores[4]).toMatchObject({ validator: walletOf(5), distanceE18: 20n * 10n ** 18n });
    expect(Number(data.scores[4]!.shareE18) / 1e18).toBeCloseTo(Math.exp(-20) / (4 + Math.exp(-20)), 15);
    expect(fold(evaluationDecider, events)).toMatchObject({ phase: 'decided', assignments: scores.map(() => ({ status: 'counted' })) });
  });

  it('is agreed by a quorum when time is up; sealed but never revealed is named', () => {
    const events = after(...sealed, ...[1, 2, 3].map((digit) => revealOf(digit, 0.6, 50)), { kind: 'expire', nowMs: 2000 });
    const { data } = last<VerdictAgreed>(events);
    expect(data.missed.map(({ validator, status, rule }) => [validator, status, rule])).toEqual([4, 5].map((digit) => [walletOf(digit), 'expired', 'not-revealed']));
    expect(data.scores).toHaveLength(3);
  });

  it('fails below the quorum', () => {
    const events = after(...sealed, revealOf(1, 0.6, 50), revealOf(2, 0.6, 51), { kind: 'expire', nowMs: 2000 });
    expect(last<VerdictFailed>(events)).toMatchObject({ type: 'skein.validation.verdict.failed.v1', data: { rule: 'quorum-missed', modelAtFault: false } });
  });

  it('blames the model when a quorum saw it break, but not for failures of the platform', () => {
    const broken = after(openCommand(), fail(1, 'runner-memory'), fail(2, 'runner-time'), fail(3, 'runner-memory'), fail(4, 'runner-died'), fail(5, 'gave-up'));
    expect(last<VerdictFailed>(broken).data).toMatchObject({ rule: 'runner-memory', modelAtFault: true });
    const platform = after(openCommand(), fail(1, 'runner-memory'), fail(2, 'runner-time'), ...[3, 4, 5].map((digit) => fail(digit, 'runner-died')));
    expect(last<VerdictFailed>(platform).data).toMatchObject({ rule: 'quorum-missed', modelAtFault: false });
  });

  it('comes for every order of whatever the validators do, and only once', () => {
    const step = fc.record({ digit: fc.integer({ min: 1, max: 5 }), act: fc.constantFrom('accept', 'seal', 'reveal', 'fail', 'expire'), nowMs: fc.integer({ min: 20, max: 2500 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let state = fold(evaluationDecider, opened);
        const all = [...opened];
        let nowMs = 20;
        for (const { digit, act, nowMs: atMs } of [...steps, { digit: 1, act: 'expire', nowMs: 3000 } as const]) {
          nowMs = Math.max(nowMs, act === 'expire' ? atMs : nowMs);
          const command = act === 'accept' ? accept(digit) : act === 'seal' ? seal(digit, 0.5) : act === 'reveal' ? revealOf(digit, 0.5, nowMs) : act === 'fail' ? fail(digit, 'runner-time') : ({ kind: 'expire', nowMs } as const);
          const decided = evaluationDecider.decide({ ...command, nowMs }, state);
          if (!decided.ok) continue;
          all.push(...decided.value);
          state = fold(evaluationDecider, decided.value, state);
        }
        expect(types(all).filter((type) => type.startsWith('verdict.'))).toHaveLength(1);
        expect(state.phase).toBe('decided');
        expect(state.assignments.every(({ status }) => ['counted', 'failed', 'expired', 'revealed'].includes(status))).toBe(true);
      }),
    );
  });
});

describe('the draw', () => {
  const pool = Array.from({ length: 7 }, (_, i) => ({ wallet: walletOf(i + 1), party: walletOf(i + 1), stakeUnits: BigInt(i + 1) ** 2n * 10n ** 18n }));
  const draw = (beacon: string, order = 0) => drawValidators({ beacon, order, candidates: pool, excludedParties: new Set(), count: 5 });
  const beaconOf = (i: number): string => i.toString(16).padStart(64, '0');

  it('is the same for the same beacon, whatever the order of the list, and another for each submission', () => {
    expect(draw(beaconOf(1))).toEqual(drawValidators({ beacon: beaconOf(1), order: 0, candidates: [...pool].reverse(), excludedParties: new Set(), count: 5 }));
    const draws = new Set(Array.from({ length: 20 }, (_, order) => JSON.stringify(draw(beaconOf(1), order).map(({ wallet }) => wallet))));
    expect(draws.size).toBeGreaterThan(5);
  });

  it('weighs by the square root of stake', () => {
    const first = new Map<string, number>();
    for (let i = 0; i < 2800; i++) {
      const [winner] = drawValidators({ beacon: beaconOf(i), order: 0, candidates: pool, excludedParties: new Set(), count: 1 });
      first.set(winner!.wallet, (first.get(winner!.wallet) ?? 0) + 1);
    }
    pool.forEach(({ wallet }, i) => expect(Math.abs((first.get(wallet) ?? 0) - 100 * (i + 1))).toBeLessThan(5 * Math.sqrt(100 * (i + 1))));
  });
});

describe('the seal', () => {
  it('has the published form', () => {
    expect(sealOf('00000000-0000-7000-8000-000000000001', 600_000_000n, salt)).toBe('9b535e563caf199f7e63b51b1e50fcb8f626e42e2d112edad6ce7187a9d1825f');
    expect(sealOf('00000000-0000-7000-8000-000000000001', -1n, salt)).not.toBe(sealOf('00000000-0000-7000-8000-000000000001', 1n, salt));
  });
});
