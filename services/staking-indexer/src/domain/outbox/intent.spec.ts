import { MAX_EVENT_BYTES } from '@skein/events';
import { encodePayload } from '@skein/kernel';
import { expect, test } from 'vitest';
import { mint, rootOf } from '../../../test/outbox-fixtures.js';
import { contentOf, intentId, intentProblem, type Intent, pays } from './intent.js';

const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const caseId = `0x${'1'.repeat(64)}`;
const wallet = (digit: string): string => `0x${digit.repeat(40)}`;
const settle = (parts: Partial<Extract<Intent, { kind: 'settle-round' }>> = {}): Intent => ({
  kind: 'settle-round', taskId, round: 3, caller: wallet('0'), slashes: [], pays: [{ wallet: wallet('1'), flock: 1n, gm: 0n }], ...parts,
});

test('money leaves by roots, vestings, settlements and the end of a federated task, and by nothing else', () => {
  const paying: Intent[] = [rootOf(4), settle(), { kind: 'fix-vesting', taskId, start: 1n, duration: 1n }, { kind: 'finish-federation', taskId }];
  const others: Intent[] = [mint(4), { kind: 'slash', caseId, amount: 5n }, { kind: 'finish-task', taskId }, { kind: 'open-round', taskId, round: 3 } as Intent];
  expect([paying.map(pays), others.map(pays)]).toEqual([paying.map(() => true), others.map(() => false)]);
});

test('what excludes each other has one id', () => {
  expect(intentId({ kind: 'slash', caseId, amount: 5n })).toBe(intentId({ kind: 'dismiss-case', caseId }));
  expect(intentId({ kind: 'finish-task', taskId })).toBe(intentId({ kind: 'cancel-task', taskId }));
  expect(intentId(rootOf(4))).toBe('epochs/4/rewards');
  expect(intentId({ ...rootOf(4), revision: 1 } as Intent)).toBe('epochs/4/rewards/revisions/1');
  expect(intentId(mint(4))).toBe('epochs/4/emission');
  expect(intentId(settle())).toBe(`federatedTasks/${taskId}/rounds/3/settlement`);
});

test('the same content is the same text, whatever the order of its fields', () => {
  expect(contentOf({ sum: 5n, revision: 0, epoch: 4n, root: `0x${'ab'.repeat(32)}`, kind: 'post-root' })).toBe(contentOf(rootOf(4)));
  expect(contentOf(rootOf(4, 6n))).not.toBe(contentOf(rootOf(4)));
});

const fieldOf = (intent: Intent): string | undefined => intentProblem(intent)?.field;

test('what the contracts could not read is refused by the field’s name', () => {
  expect(fieldOf(settle())).toBeUndefined();
  expect(fieldOf({ kind: 'finish-task', taskId: 'T' })).toBe('taskId');
  expect(fieldOf({ kind: 'slash', caseId: '0x1', amount: 1n })).toBe('caseId');
  expect(fieldOf({ kind: 'slash', caseId, amount: 1n << 128n })).toBe('amount');
  expect(fieldOf({ kind: 'fix-vesting', taskId, start: -1n, duration: 1n })).toBe('start');
  expect(fieldOf(settle({ round: 65_536 }))).toBe('round');
  expect(fieldOf(settle({ caller: 'nobody' }))).toBe('caller');
  expect(fieldOf(settle({ pays: [{ wallet: '0x', flock: 1n, gm: 0n }] }))).toBe('wallet');
  expect(fieldOf(settle({ slashes: [{ wallet: wallet('2'), amount: 1n }, { wallet: wallet('2'), amount: 1n }] }))).toBe('slashes');
  const many = Array.from({ length: 257 }, (_, at) => ({ wallet: `0x${at.toString(16).padStart(40, '0')}`, amount: 1n }));
  expect(fieldOf(settle({ slashes: many }))).toBe('slashes');
  expect(fieldOf(settle({ slashes: many.slice(1) }))).toBeUndefined();
});

const MOST = (1n << 128n) - 1n;
const walletAt = (at: number): string => `0x${(at + 1).toString(16).padStart(40, '0')}`;
const crowd = (count: number, slashed: number): Intent =>
  settle({
    pays: Array.from({ length: count }, (_, at) => ({ wallet: walletAt(at), flock: MOST, gm: MOST })),
    slashes: Array.from({ length: slashed }, (_, at) => ({ wallet: walletAt(at), amount: MOST })),
  });

test('a settlement that no event could hold is refused by name, before anything is kept of it', () => {
  expect(intentProblem(crowd(256, 256))).toMatchObject({ code: 'invalid-argument', rule: 'intent-too-large', message: expect.stringMatching(/^federatedTasks\/.+\/settlement has \d{5} bytes, at most 60000 can be kept$/) });
  const most = crowd(256, 50);
  expect(intentProblem(most)).toBeUndefined();
  const accepted = { type: 'skein.staking.intent.accepted.v1', data: { id: intentId(most), intent: most, acceptedAtMs: 1_790_000_000_000 } };
  expect(Buffer.byteLength(JSON.stringify(encodePayload(accepted)))).toBeLessThan(MAX_EVENT_BYTES);
});
