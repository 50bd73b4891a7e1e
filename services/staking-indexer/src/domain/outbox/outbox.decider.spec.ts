import { decodePayload, encodePayload, fold } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import {
  accepted, block, contradicted, frozen, mint, parkedAs, refusal, reverted, rootOf, settled, SIGNER, signedAs, startedAt, thawedAt, transaction, withdrawn,
} from '../../../test/outbox-fixtures.js';
import { intentId } from './intent.js';
import { outboxDecider } from './outbox.decider.js';
import type { OutboxState } from './outbox.state.js';

const spec = specOf(outboxDecider);
const [first, second] = [mint(1), mint(2)];
const [id, other] = [intentId(first), intentId(second)];
const tx = transaction('0x1');
const sign = (of: string, nonce: number, made = tx) => ({ kind: 'sign', id: of, nonce, transaction: made }) as const;
const flight = [startedAt(7), accepted(first), signedAs(first, 7, tx)];

test('an account’s nonces are taken over once, and by another account only when nothing is under way', () => {
  const start = { kind: 'start', chainId: 31337, signer: SIGNER, nonce: 7 } as const;
  const another = `0x${'6'.repeat(40)}`;
  spec.given().when(start).then(startedAt(7));
  spec.given(startedAt(7)).when({ ...start, nonce: 9 }).then();
  spec.given(startedAt(7)).when({ ...start, chainId: 1 }).thenRejected({ rule: 'another-chain' });
  spec.given(...flight).when({ ...start, signer: another, nonce: 0 }).thenRejected({ rule: 'signer-under-way' });
  spec.given(...flight, settled(first, '0x1')).when({ ...start, signer: another, nonce: 0 }).then(startedAt(0, another));
});

test('an intent is accepted once: the same again changes nothing, another content is refused by name', () => {
  spec.given().when({ kind: 'accept', intent: first, nowMs: 1000 }).then(accepted(first));
  spec.given(accepted(first)).when({ kind: 'accept', intent: mint(1), nowMs: 3000 }).then();
  spec.given(accepted(rootOf(4))).when({ kind: 'accept', intent: rootOf(4, 6n), nowMs: 3000 }).thenRejected({ code: 'conflict', rule: 'intent-decided-otherwise' });
  spec.given().when({ kind: 'accept', intent: { kind: 'finish-task', taskId: 'x' }, nowMs: 1 }).thenRejected({ rule: 'intent-field', field: 'taskId' });
});

test('nonces are given in order, without a gap, and only to open intents', () => {
  spec.given(startedAt(7), accepted(first)).when(sign(id, 7)).then(signedAs(first, 7, tx));
  spec.given(startedAt(7), accepted(first)).when(sign(id, 8)).thenRejected({ rule: 'nonce-not-next' });
  spec.given(...flight, accepted(second)).when(sign(other, 7)).thenRejected({ rule: 'nonce-not-next' });
  spec.given(...flight, accepted(second)).when(sign(other, 8)).then(signedAs(second, 8, tx));
  spec.given(startedAt(7)).when(sign(id, 7)).thenRejected({ rule: 'intent-not-open' });
  spec.given(accepted(first)).when(sign(id, 0)).thenRejected({ rule: 'signer-not-started' });
});

test('an intent under way gets no second nonce and no other call, only higher fees', () => {
  const better = transaction('0x2', 'call', 90n);
  spec.given(...flight).when(sign(id, 8)).thenRejected({ rule: 'second-nonce' });
  spec.given(...flight).when(sign(id, 7, transaction('0x2', 'another', 90n))).thenRejected({ rule: 'another-call' });
  spec.given(...flight).when(sign(id, 7, transaction('0x2', 'call', 89n))).thenRejected({ rule: 'fees-not-raised' });
  spec.given(...flight).when(sign(id, 7, better)).then(signedAs(first, 7, better));
});

test('any of its transactions may be the one that is mined', () => {
  const both = [...flight, signedAs(first, 7, transaction('0x2', 'call', 90n))];
  const receipt = { kind: 'receipt', id, hash: '0x1', block: block(9), nowMs: 2000 } as const;
  spec.given(...both).when(receipt).then(settled(first, '0x1'));
  spec.given(...both).when({ ...receipt, hash: '0x9' }).thenRejected({ rule: 'not-under-way' });
  spec.given(...both, settled(first, '0x1')).when(receipt).thenRejected({ rule: 'not-under-way' });
});

test('a reverted one is parked and may have another nonce: its own is used up', () => {
  const receipt = { kind: 'receipt', id, hash: '0x1', block: block(9), refusal: refusal(), nowMs: 2000 } as const;
  spec.given(...flight).when(receipt).then(reverted(first, 7, '0x1'));
  const after = [...flight, reverted(first, 7, '0x1')];
  spec.given(...after).when(sign(id, 7)).thenRejected({ rule: 'nonce-not-next' });
  spec.given(...after).when(sign(id, 8)).then(signedAs(first, 8, tx));
  spec.given(...after).when({ kind: 'adopt', id, block: block(9) }).then(settled(first, '', 'adopted'));
});

test('a refusal is said once until it is another one', () => {
  const park = { kind: 'park', id, refusal: refusal(), nowMs: 2000 } as const;
  spec.given(accepted(first)).when(park).then(parkedAs(first));
  spec.given(accepted(first), parkedAs(first)).when(park).then();
  spec.given(accepted(first), parkedAs(first)).when({ ...park, refusal: refusal('EmissionOver') }).then(parkedAs(first, refusal('EmissionOver')));
});

test('while a transaction may still have its effect, an intent is neither parked nor adopted, contradicted or given up', () => {
  const refused = { rule: 'still-under-way' };
  spec.given(...flight).when({ kind: 'park', id, refusal: refusal(), nowMs: 1 }).thenRejected(refused);
  spec.given(...flight).when({ kind: 'adopt', id, block: block(9) }).thenRejected(refused);
  spec.given(...flight).when({ kind: 'contradict', id, difference: 'd', block: block(9) }).thenRejected(refused);
  spec.given(...flight).when({ kind: 'withdraw', id, reason: 'r' }).thenRejected(refused);
  spec.given(accepted(first)).when({ kind: 'withdraw', id, reason: 'r' }).then(withdrawn(first, 'r'));
});

test('a chain that says otherwise freezes all signing, with the difference', () => {
  spec.given(startedAt(7), accepted(first), accepted(second)).when({ kind: 'contradict', id, difference: 'sum is 4', block: block(9) }).then(contradicted(first, 'sum is 4'));
  const after = [startedAt(7), accepted(first), accepted(second), contradicted(first, 'sum is 4')];
  expect(fold(outboxDecider, after).frozen).toEqual({ rule: 'differs-on-chain', message: `${id}: sum is 4` });
  spec.given(...after).when(sign(other, 7)).thenRejected({ rule: 'signer-frozen' });
  spec.given(...after).when({ kind: 'thaw', nonce: 7 }).then(thawedAt(7));
  spec.given(...after, thawedAt(7)).when(sign(other, 7)).then(signedAs(second, 7, tx));
  spec.given(startedAt(7)).when({ kind: 'thaw', nonce: 7 }).thenRejected({ rule: 'not-frozen' });
});

test('a thaw passes by the nonces that others have used, and takes them from their intents', () => {
  const freeze = { kind: 'freeze', id, nonce: 7, rule: 'nonce-used-elsewhere', message: 'look' } as const;
  const history = [...flight, accepted(second), signedAs(second, 8, tx)];
  spec.given(...history).when(freeze).then(frozen('nonce-used-elsewhere'));
  spec.given(...history, frozen('nonce-used-elsewhere')).when(freeze).then();
  // Whoever looked before the thaw, or before the receipt, comes late.
  spec.given(...history, frozen('nonce-used-elsewhere'), thawedAt(8)).when(freeze).then();
  spec.given(...history, settled(first, '0x1')).when(freeze).then();
  const nonces = (state: OutboxState) => [state.open.map(({ flight: held }) => held?.nonce), state.nextNonce];
  const stopped = [...history, frozen('nonce-used-elsewhere')];
  spec.given(...stopped).when({ kind: 'thaw', nonce: 8 }).thenState((state) => expect(nonces(state)).toEqual([[undefined, 8], 9]));
  spec.given(...stopped).when({ kind: 'thaw', nonce: 12 }).thenState((state) => expect(nonces(state)).toEqual([[undefined, undefined], 12]));
});

test('a kept state is the state', () => {
  const state = fold(outboxDecider, [...flight, accepted(second), parkedAs(second), frozen('r')]);
  const { encode, decode } = outboxDecider.snapshot!;
  expect(decode(decodePayload(JSON.parse(JSON.stringify(encodePayload(encode(state))))))).toEqual(state);
});
