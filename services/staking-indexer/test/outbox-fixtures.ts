import type { Intent } from '../src/domain/outbox/intent.js';
import type {
  IntentAccepted,
  IntentContradicted,
  IntentParked,
  IntentSettled,
  IntentWithdrawn,
  Refusal,
  SignedTransaction,
  SignerFrozen,
  SignerStarted,
  SignerThawed,
  TransactionReverted,
  TransactionSigned,
} from '../src/domain/outbox/outbox.events.js';
import { intentId } from '../src/domain/outbox/intent.js';

export const SIGNER = `0x${'5'.repeat(40)}`;
export const mint = (epoch: number): Intent => ({ kind: 'mint-epoch', epoch: BigInt(epoch) });
export const rootOf = (epoch: number, sum = 5n): Intent => ({ kind: 'post-root', epoch: BigInt(epoch), revision: 0, root: `0x${'ab'.repeat(32)}`, sum });
export const block = (number: number) => ({ number, hash: `0xb${number}` });
export const refusal = (error = 'EpochNotOver'): Refusal => ({ error, message: `${error}(…)` });

/** A transaction as the decider sees it: fees in wei, `call` names what is called. */
export const transaction = (hash: string, call = 'call', fee = 80n, signedAtMs = 0): SignedTransaction => ({
  hash, raw: '', call, gas: 21_000n, feeMax: fee, tipMax: fee, signedAtMs,
});

export const startedAt = (nonce: number, signer = SIGNER): SignerStarted => ({ type: 'skein.staking.signer.started.v1', data: { chainId: 31337, signer, nonce } });
export const accepted = (intent: Intent, acceptedAtMs = 1000): IntentAccepted => ({ type: 'skein.staking.intent.accepted.v1', data: { id: intentId(intent), intent, acceptedAtMs } });
export const signedAs = (intent: Intent, nonce: number, tx: SignedTransaction): TransactionSigned => ({ type: 'skein.staking.transaction.signed.v1', data: { id: intentId(intent), nonce, transaction: tx } });
export const settled = (intent: Intent, hash: string, how: 'mined' | 'adopted' = 'mined', at = block(9)): IntentSettled => ({ type: 'skein.staking.intent.settled.v1', data: { id: intentId(intent), how, hash, block: at } });
export const reverted = (intent: Intent, nonce: number, hash: string, atMs = 2000): TransactionReverted => ({ type: 'skein.staking.transaction.reverted.v1', data: { id: intentId(intent), nonce, hash, block: block(9), refusal: refusal(), atMs } });
export const parkedAs = (intent: Intent, why = refusal(), atMs = 2000): IntentParked => ({ type: 'skein.staking.intent.parked.v1', data: { id: intentId(intent), refusal: why, atMs } });
export const contradicted = (intent: Intent, difference: string): IntentContradicted => ({ type: 'skein.staking.intent.contradicted.v1', data: { id: intentId(intent), difference, block: block(9) } });
export const withdrawn = (intent: Intent, reason: string): IntentWithdrawn => ({ type: 'skein.staking.intent.withdrawn.v1', data: { id: intentId(intent), reason } });
export const frozen = (rule: string, message = 'look'): SignerFrozen => ({ type: 'skein.staking.signer.frozen.v1', data: { rule, message } });
export const thawedAt = (nonce: number): SignerThawed => ({ type: 'skein.staking.signer.thawed.v1', data: { nonce } });
