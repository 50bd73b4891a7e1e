import { fold } from '@skein/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { block, mint, refusal, SIGNER, transaction } from '../../../test/outbox-fixtures.js';
import { intentId } from './intent.js';
import type { OutboxCommand } from './outbox.commands.js';
import { outboxDecider } from './outbox.decider.js';
import type { OutboxEvent } from './outbox.events.js';

const small = fc.integer({ min: 0, max: 5 });
const ids = small.map((epoch) => intentId(mint(epoch)));
const hash = fc.integer({ min: 0, max: 30 }).map((at) => `0x${at}`);

/** Anything at all, in any order: whoever gives the commands may be wrong about everything. */
const command: fc.Arbitrary<OutboxCommand> = fc.oneof(
  { weight: 2, arbitrary: small.map((epoch): OutboxCommand => ({ kind: 'accept', intent: mint(epoch), nowMs: epoch })) },
  {
    weight: 6,
    arbitrary: fc.record({ id: ids, nonce: fc.integer({ min: 3, max: 9 }), hash, call: small, fee: fc.bigInt(1n, 500n) })
      .map(({ id, nonce, hash: at, call, fee }): OutboxCommand => ({ kind: 'sign', id, nonce, transaction: transaction(at, `call-${call}`, fee) })),
  },
  {
    weight: 3,
    arbitrary: fc.record({ id: ids, hash, fails: fc.boolean() })
      .map(({ id, hash: at, fails }): OutboxCommand => ({ kind: 'receipt', id, hash: at, block: block(1), ...(fails ? { refusal: refusal() } : {}), nowMs: 1 })),
  },
  ids.map((id): OutboxCommand => ({ kind: 'park', id, refusal: refusal(), nowMs: 1 })),
  ids.map((id): OutboxCommand => ({ kind: 'adopt', id, block: block(1) })),
  ids.map((id): OutboxCommand => ({ kind: 'withdraw', id, reason: 'r' })),
  fc.record({ id: ids, nonce: fc.integer({ min: 3, max: 9 }) }).map((of): OutboxCommand => ({ kind: 'freeze', ...of, rule: 'r', message: 'm' })),
  fc.constant<OutboxCommand>({ kind: 'thaw', nonce: 3 }),
  fc.constant<OutboxCommand>({ kind: 'start', chainId: 1, signer: SIGNER, nonce: 3 }),
);

function historyOf(commands: readonly OutboxCommand[]): OutboxEvent[] {
  const history: OutboxEvent[] = [];
  for (const given of commands) {
    const decided = outboxDecider.decide(given, fold(outboxDecider, history));
    if (decided.ok) history.push(...decided.value);
  }
  return history;
}

const signedIn = (history: readonly OutboxEvent[]) => history.flatMap((event, at) => (event.type === 'skein.staking.transaction.signed.v1' ? [{ at, ...event.data }] : []));

test('nonces begin where the account stood and have no gap; each has the bytes of one intent and one call', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const signed = signedIn(historyOf(commands));
      const nonces = [...new Set(signed.map(({ nonce }) => nonce))];
      expect(nonces).toEqual(nonces.map((_, at) => 3 + at));
      for (const nonce of nonces) {
        const same = signed.filter((one) => one.nonce === nonce);
        expect([new Set(same.map(({ id }) => id)).size, new Set(same.map(({ transaction: { call } }) => call)).size]).toEqual([1, 1]);
      }
    }),
    { numRuns: 400 },
  );
});

test('an intent has a second nonce only once the first one’s transaction has finally failed', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const history = historyOf(commands);
      const signed = signedIn(history);
      for (const [index, { id, nonce, at }] of signed.entries()) {
        const before = signed.slice(0, index).findLast((one) => one.id === id);
        if (before === undefined || before.nonce === nonce) continue;
        const between = history.slice(before.at, at).some((event) => event.type === 'skein.staking.transaction.reverted.v1' && event.data.id === id && event.data.nonce === before.nonce);
        expect(between).toBe(true);
      }
    }),
    { numRuns: 400 },
  );
});

test('an intent that is over stays over, and its last bytes are those that may have had the effect', () => {
  fc.assert(
    fc.property(fc.array(command.filter(({ kind }) => kind !== 'accept'), { maxLength: 40 }), (commands) => {
      const accept = [0, 1, 2, 3, 4, 5].map((epoch): OutboxCommand => ({ kind: 'accept', intent: mint(epoch), nowMs: 1 }));
      const history = historyOf([{ kind: 'start', chainId: 1, signer: SIGNER, nonce: 3 }, ...accept, ...commands]);
      for (const [at, event] of history.entries()) {
        if (event.type !== 'skein.staking.intent.settled.v1') continue;
        expect(history.slice(at + 1).some(({ data }) => 'id' in data && data.id === event.data.id)).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});
