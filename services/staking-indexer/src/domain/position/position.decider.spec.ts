import { fold, unwrap } from '@skein/kernel';
import { specOf } from '@skein/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StakeRole, WalletFact } from '../facts.js';
import { positionDecider } from './position.decider.js';
import type { PositionEvent } from './position.events.js';

const wallet = 'eip155:31337:0x00000000000000000000000000000000000000aa';
const asOf = { number: 9, hash: '0x9' };
const cause = { txHash: '0xt', ordinal: 0 };
const spec = specOf(positionDecider);
const apply = (fact: WalletFact) => ({ fact, cause, asOf });

const locked = (lockId: bigint, amount: bigint, gm = amount): WalletFact => ({
  kind: 'locked',
  lockId,
  wallet,
  amount,
  gm,
  multiplier: 10_000,
  feeBps: 513,
  unlockAtMs: 5000,
});
const staked = (taskId: string, role: StakeRole, amount: bigint, balance = amount): WalletFact => ({
  kind: 'staked',
  taskId,
  role,
  wallet,
  amount,
  balance,
});
const withdrawn = (taskId: string, role: StakeRole, amount: bigint): WalletFact => ({ kind: 'withdrawn', taskId, role, wallet, amount });

const changed = (fact: WalletFact, position: Pick<PositionEvent['data'], 'locks' | 'stakes'>): PositionEvent => ({
  type: 'skein.staking.position.changed.v1',
  data: { wallet, asOf, cause, fact, ...position },
});
const noLocks = { count: 0, flock: 0n, gmFlock: 0n };

test('locks add up and shrink by what the contract says is left', () => {
  const first = changed(locked(1n, 100n, 118n), { locks: { count: 1, flock: 100n, gmFlock: 118n }, stakes: [] });
  spec.given().when(apply(locked(1n, 100n, 118n))).then(first);
  const part: WalletFact = { kind: 'redeemed', lockId: 1n, wallet, gm: 18n, paid: 14n, fee: 1n, gmRemaining: 100n, amountRemaining: 85n };
  const second = changed(part, { locks: { count: 1, flock: 85n, gmFlock: 100n }, stakes: [] });
  spec.given(first).when(apply(part)).then(second);
  const rest: WalletFact = { ...part, gm: 100n, paid: 81n, fee: 4n, gmRemaining: 0n, amountRemaining: 0n };
  spec.given(first, second).when(apply(rest)).then(changed(rest, { locks: noLocks, stakes: [] }));
});

test('stakes are kept by task and role, in order, and leave when withdrawn', () => {
  const first = changed(staked('t2', 'node', 5n), { locks: noLocks, stakes: [{ taskId: 't2', role: 'node', units: 5n }] });
  const second = changed(staked('t1', 'validator', 7n), {
    locks: noLocks,
    stakes: [
      { taskId: 't1', role: 'validator', units: 7n },
      { taskId: 't2', role: 'node', units: 5n },
    ],
  });
  spec.given(first).when(apply(staked('t1', 'validator', 7n))).then(second);
  spec
    .given(first, second)
    .when(apply(withdrawn('t2', 'node', 5n)))
    .then(changed(withdrawn('t2', 'node', 5n), { locks: noLocks, stakes: [{ taskId: 't1', role: 'validator', units: 7n }] }));
});

test('a fact that does not fit what is known is refused', () => {
  const rule = 'position-contradicts-chain';
  const held = changed(staked('t1', 'node', 5n), { locks: noLocks, stakes: [{ taskId: 't1', role: 'node', units: 5n }] });
  spec.given(held).when(apply(staked('t1', 'node', 5n))).thenRejected({ rule });
  spec.given(held).when(apply(staked('t1', 'node', 5n, 11n))).thenRejected({ rule });
  spec.given(held).when(apply(withdrawn('t1', 'node', 4n))).thenRejected({ rule });
  const lock = changed(locked(1n, 9n), { locks: { count: 1, flock: 9n, gmFlock: 9n }, stakes: [] });
  spec.given(lock).when(apply(locked(1n, 9n))).thenRejected({ rule });
  const redeemed = { kind: 'redeemed', lockId: 1n, wallet, gm: 4n, paid: 4n, fee: 0n, gmRemaining: 5n, amountRemaining: 4n } as const;
  spec.given(lock).when(apply(redeemed)).thenRejected({ rule });
  spec.given().when(apply({ ...redeemed, amountRemaining: 5n })).thenRejected({ rule });
});

test('the whole position in each event is what folding the facts gives', () => {
  const place = fc.record({ taskId: fc.constantFrom('t1', 't2', 't3'), role: fc.constantFrom<StakeRole>('node', 'participant') });
  const move = fc.record({ place, amount: fc.bigInt(1n, 10n ** 27n), out: fc.boolean() });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 30 }), (moves) => {
      const book = new Map<string, bigint>();
      const history: PositionEvent[] = [];
      for (const { place: at, amount, out } of moves) {
        const key = `${at.taskId}/${at.role}`;
        const held = book.get(key) ?? 0n;
        if (out && held === 0n) continue;
        const fact = out ? withdrawn(at.taskId, at.role, held) : staked(at.taskId, at.role, amount, held + amount);
        book.set(key, out ? 0n : held + amount);
        history.push(...unwrap(positionDecider.decide(apply(fact), fold(positionDecider, history))));
      }
      const expected = [...book].filter(([, units]) => units > 0n).sort(([a], [b]) => (a < b ? -1 : 1));
      const last = history.at(-1)?.data.stakes ?? [];
      expect(last.map(({ taskId, role, units }) => [`${taskId}/${role}`, units])).toEqual(expected);
    }),
    { seed: 7 },
  );
});

test('a slash leaves what the contract says, and ends a stake that is gone', () => {
  const slashed = (fromOwner: bigint, balance: bigint): WalletFact => ({
    kind: 'slashed', caseId: '0xc1', taskId: 't1', role: 'node', wallet, fromOwner, fromPool: 7n, toReporter: 1n, balance,
  });
  const held = changed(staked('t1', 'node', 5n), { locks: noLocks, stakes: [{ taskId: 't1', role: 'node', units: 5n }] });
  const part = changed(slashed(2n, 3n), { locks: noLocks, stakes: [{ taskId: 't1', role: 'node', units: 3n }] });
  spec.given(held).when(apply(slashed(2n, 3n))).then(part);
  spec.given(held, part).when(apply(slashed(3n, 0n))).then(changed(slashed(3n, 0n), { locks: noLocks, stakes: [] }));
  spec.given(held).when(apply(slashed(2n, 4n))).thenRejected({ rule: 'position-contradicts-chain' });
});

test('stakes of federated tasks are kept apart from those of the stakes’ contract', () => {
  const joined = (amount: bigint, stake: bigint): WalletFact => ({ kind: 'federation-joined', taskId: 't9', wallet, amount, stake });
  const lost: WalletFact = { kind: 'federation-slashed', taskId: 't9', round: 0, wallet, amount: 2n, stake: 6n };
  const left: WalletFact = { kind: 'federation-withdrawn', taskId: 't9', wallet, amount: 6n };
  const withMembership = (fact: WalletFact, units: bigint): PositionEvent => {
    const event = changed(fact, { locks: noLocks, stakes: [] });
    return { ...event, data: { ...event.data, memberships: [{ taskId: 't9', units }] } };
  };
  const [first, second] = [withMembership(joined(8n, 8n), 8n), withMembership(lost, 6n)];
  spec.given().when(apply(joined(8n, 8n))).then(first);
  spec.given(first).when(apply(lost)).then(second);
  spec.given(first, second).when(apply(left)).then(changed(left, { locks: noLocks, stakes: [] }));
  const rule = 'position-contradicts-chain';
  spec.given(first).when(apply(joined(8n, 8n))).thenRejected({ rule });
  spec.given(first).when(apply({ ...lost, stake: 7n })).thenRejected({ rule });
  spec.given(first).when(apply(left)).thenRejected({ rule });
});
