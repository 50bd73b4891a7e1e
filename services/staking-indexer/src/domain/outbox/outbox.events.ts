import type { Intent } from './intent.js';

/** A block as far as it matters here. */
export interface Block {
  readonly number: number;
  readonly hash: string;
}

/** Why the chain does not take an intent: a contract's custom error, or what the endpoint said. */
export interface Refusal {
  /** `AppealOpen`, or `unknown` where the answer names no error of the contract. */
  readonly error: string;
  readonly message: string;
}

/**
 * A transaction whose bytes are known. `raw` is base64. `call` is the SHA-256 of receiver and calldata: two transactions with
 * the same one and the same nonce can have one effect only. Fees in wei.
 */
export interface SignedTransaction {
  readonly hash: string;
  readonly raw: string;
  readonly call: string;
  readonly gas: bigint;
  readonly feeMax: bigint;
  readonly tipMax: bigint;
  readonly signedAtMs: number;
}

/** From here on the account's nonces are given by this stream alone. */
export interface SignerStarted {
  readonly type: 'skein.staking.signer.started.v1';
  readonly data: { readonly chainId: number; readonly signer: string; readonly nonce: number };
}

/** It was decided that this is to happen on chain. */
export interface IntentAccepted {
  readonly type: 'skein.staking.intent.accepted.v1';
  readonly data: { readonly id: string; readonly intent: Intent; readonly acceptedAtMs: number };
}

/** The first transaction of an intent, or one that replaces it: same nonce, same call, higher fees. */
export interface TransactionSigned {
  readonly type: 'skein.staking.transaction.signed.v1';
  readonly data: { readonly id: string; readonly nonce: number; readonly transaction: SignedTransaction };
}

/** Finally mined without effect: its nonce is used up and the intent has none. */
export interface TransactionReverted {
  readonly type: 'skein.staking.transaction.reverted.v1';
  readonly data: { readonly id: string; readonly nonce: number; readonly hash: string; readonly block: Block; readonly refusal: Refusal; readonly atMs: number };
}

/** The intent has its effect in a final block: by our transaction, or adopted because another had brought just that about; granted: it counts among the grants. */
export interface IntentSettled {
  readonly type: 'skein.staking.intent.settled.v1';
  readonly data: { readonly id: string; readonly how: 'mined' | 'adopted' | 'granted'; readonly hash: string; readonly block: Block };
}

/** The chain refuses the intent as things are. Those behind it go on, and it is tried again now and then. */
export interface IntentParked {
  readonly type: 'skein.staking.intent.parked.v1';
  readonly data: { readonly id: string; readonly refusal: Refusal; readonly atMs: number };
}

/** The chain says something else under this id than what was decided: nothing is signed any more until the operator has looked. */
export interface IntentContradicted {
  readonly type: 'skein.staking.intent.contradicted.v1';
  readonly data: { readonly id: string; readonly difference: string; readonly block: Block };
}

/** An intent is given up: by the operator, or because the chain leaves nothing for it to do. */
export interface IntentWithdrawn {
  readonly type: 'skein.staking.intent.withdrawn.v1';
  readonly data: { readonly id: string; readonly reason: string };
}

/** Nothing is signed any more. */
export interface SignerFrozen {
  readonly type: 'skein.staking.signer.frozen.v1';
  readonly data: { readonly rule: string; readonly message: string };
}

/** The operator has looked. Nonces below `nonce` are used up on chain; intents that held one have none again. */
export interface SignerThawed {
  readonly type: 'skein.staking.signer.thawed.v1';
  readonly data: { readonly nonce: number };
}

export type OutboxEvent =
  | SignerStarted
  | IntentAccepted
  | TransactionSigned
  | TransactionReverted
  | IntentSettled
  | IntentParked
  | IntentContradicted
  | IntentWithdrawn
  | SignerFrozen
  | SignerThawed;

/** One stream per chain: whoever gives nonces must know all of them. */
export const outboxStreamId = (chainId: number): string => `outbox-${chainId}`;
