import { readFileSync } from 'node:fs';
import { specOf } from '@skein/testing';
import { describe, expect, it } from 'vitest';
import { scoringDecider, type ScoringCompleted, type ScoringOpened } from './scoring.decider.js';
import { yuma } from './yuma.policy.js';

interface YumaCase {
  S: number[];
  W: number[][];
  kappa: number;
  beta?: number;
  C?: number[];
  validatorTrust?: number[];
  prerank?: number[];
  rank?: number[];
  trust?: number[];
  incentive: number[];
  dividends?: number[];
  dividendsBeta0?: number[];
}
const golden = JSON.parse(readFileSync(new URL('../../../test/golden/numbers/yuma.json', import.meta.url), 'utf8')) as { cases: YumaCase[] };
const close = (actual: readonly number[], expected: readonly number[] | undefined): void => expected?.forEach((value, i) => expect(actual[i]!).toBeCloseTo(value, 6));

describe('Yuma', () => {
  it.each(golden.cases)('golden: S $S', (test) => {
    const result = yuma(test.S, test.W, test.kappa, test.beta);
    close(result.consensus, test.C);
    close(result.validatorTrust, test.validatorTrust);
    close(result.prerank, test.prerank);
    close(result.rank, test.rank);
    close(result.trust, test.trust);
    close(result.incentive, test.incentive);
    close(result.dividends, test.dividends);
    if (test.dividendsBeta0 !== undefined) close(yuma(test.S, test.W, test.kappa, 0).dividends, test.dividendsBeta0);
  });

  it('of nothing is nothing', () => {
    expect(yuma([], [])).toMatchObject({ consensus: [], incentive: [] });
    expect(yuma([1], [[0]]).incentive).toEqual([0]);
  });
});

const opened: ScoringOpened = {
  type: 'skein.validation.scoring.opened.v1',
  data: { scoringId: 's', task: 'tasks/t', round: 1, purpose: 'epoch', submissions: ['a', 'b'], deadlineMs: 9, atMs: 1 },
};
const noted = (submission: string, scoreNano: bigint) => ({
  type: 'skein.validation.scoring.verdict-noted.v1' as const,
  data: { scoringId: 's', submission, scores: [{ validator: 'v', stakeUnits: 5n, scoreNano }], atMs: 2 },
});
const note = (submission: string, scoreNano: bigint) => ({ kind: 'note' as const, submission, scores: [{ validator: 'v', stakeUnits: 5n, scoreNano }], nowMs: 2 });

describe('a scoring', () => {
  it('opens once', () => {
    const { atMs: _, ...data } = opened.data;
    specOf(scoringDecider).given().when({ kind: 'open', nowMs: 1, ...data }).then(opened);
    specOf(scoringDecider).given(opened).when({ kind: 'open', nowMs: 5, ...data }).then();
  });

  it('notes each verdict once and is complete with the last', () => {
    specOf(scoringDecider).given(opened).when(note('a', 600_000_000n)).then(noted('a', 600_000_000n));
    specOf(scoringDecider).given(opened, noted('a', 600_000_000n)).when(note('a', 1n)).then();
    specOf(scoringDecider).given(opened).when(note('elsewhere', 1n)).then();
    specOf(scoringDecider)
      .given(opened, noted('a', 600_000_000n))
      .when(note('b', 200_000_000n))
      .thenState((state, events) => {
        expect(state.noted.size).toBe(2);
        const completed = events[1] as ScoringCompleted;
        expect(completed.data).toEqual({ scoringId: 's', submissions: ['a', 'b'], consensus: ['0.6', '0.2'], incentive: ['0.7499999999999999', '0.25'], validators: ['v'], validatorTrust: ['0.8'], atMs: 2 });
      });
  });

  it('is complete without any score', () => {
    specOf(scoringDecider)
      .given({ ...opened, data: { ...opened.data, submissions: ['a'] } })
      .when({ kind: 'note', submission: 'a', scores: [], nowMs: 2 })
      .thenState((_, events) => expect(events.map(({ type }) => type)).toEqual(['skein.validation.scoring.verdict-noted.v1', 'skein.validation.scoring.completed.v1']));
  });
});
