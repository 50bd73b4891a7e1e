import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import type { CaseFact } from '../facts.js';
import { accusedOf, caseDecider, type CaseChanged } from './case.decider.js';

const wallet = 'eip155:31337:0x00000000000000000000000000000000000000aa';
const asOf = { number: 9, hash: '0x9' };
const cause = { txHash: '0xt', ordinal: 0 };
const spec = specOf(caseDecider);
const opened: CaseFact = { kind: 'case-opened', caseId: '0xc1', taskId: 't1', role: 'node', accused: wallet, cap: 9n, own: 6n, counted: 12n, evidence: '0xe1' };
const dismissed: CaseFact = { kind: 'case-dismissed', caseId: '0xc1', accused: wallet };
const slashed = (fromOwner: bigint, fromPool = 4n): CaseFact => ({
  kind: 'slashed', caseId: '0xc1', taskId: 't1', role: 'node', wallet, fromOwner, fromPool, toReporter: 1n, balance: 1n,
});
const changed = (fact: CaseFact): CaseChanged => ({ type: 'skein.staking.case.changed.v1', data: { asOf, cause, fact } });

test('a case is opened once, and ends once', () => {
  spec.given().when({ fact: opened, cause, asOf }).then(changed(opened));
  spec.given(changed(opened)).when({ fact: slashed(5n), cause, asOf }).then(changed(slashed(5n)));
  spec.given(changed(opened)).when({ fact: dismissed, cause, asOf }).then(changed(dismissed));
  const rule = 'case-contradicts-chain';
  spec.given(changed(opened)).when({ fact: opened, cause, asOf }).thenRejected({ rule });
  spec.given().when({ fact: slashed(5n), cause, asOf }).thenRejected({ rule });
  spec.given(changed(opened), changed(dismissed)).when({ fact: slashed(5n), cause, asOf }).thenRejected({ rule });
});

test('a case never takes more than its cap', () => {
  spec.given(changed(opened)).when({ fact: slashed(6n), cause, asOf }).thenRejected({ rule: 'case-contradicts-chain' });
});

test('whom it is against', () => {
  expect([opened, dismissed, slashed(1n)].map(accusedOf)).toEqual([wallet, wallet, wallet]);
});
