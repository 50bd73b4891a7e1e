import type { Intent } from './intent.js';
import type { Block, Refusal, SignedTransaction } from './outbox.events.js';

/** Begin with the account's next nonce. Repeating it changes nothing; another account takes over only when nothing is under way. */
export interface StartSigner {
  readonly kind: 'start';
  readonly chainId: number;
  readonly signer: string;
  readonly nonce: number;
}

export interface AcceptIntent {
  readonly kind: 'accept';
  readonly intent: Intent;
  readonly nowMs: number;
}

/** Accepts an intent that nothing can be done about, as things are: it is parked from the beginning. */
export interface HoldIntent {
  readonly kind: 'hold';
  readonly intent: Intent;
  readonly refusal: Refusal;
  readonly nowMs: number;
}

/** Records bytes before anybody sees them: an intent's first transaction, or one that replaces its last. */
export interface RecordSigned {
  readonly kind: 'sign';
  readonly id: string;
  readonly nonce: number;
  readonly transaction: SignedTransaction;
}

/** A final receipt of one of an intent's transactions. */
export interface RecordReceipt {
  readonly kind: 'receipt';
  readonly id: string;
  readonly hash: string;
  readonly block: Block;
  /** Undefined: it had its effect. */
  readonly refusal?: Refusal;
  readonly nowMs: number;
}

/** A final block holds, under the intent's id, just what was decided, by no transaction of ours; or it was granted as of that block. */
export interface AdoptIntent {
  readonly kind: 'adopt';
  readonly id: string;
  readonly block: Block;
  /** Default `adopted`. */
  readonly how?: 'granted';
}

export interface ParkIntent {
  readonly kind: 'park';
  readonly id: string;
  readonly refusal: Refusal;
  readonly nowMs: number;
}

export interface ContradictIntent {
  readonly kind: 'contradict';
  readonly id: string;
  readonly difference: string;
  readonly block: Block;
}

export interface WithdrawIntent {
  readonly kind: 'withdraw';
  readonly id: string;
  readonly reason: string;
}

/** Somebody else has used the nonce that `id` was given. Nothing, where the intent has that nonce no more: who looked has looked before a thaw. */
export interface FreezeSigner {
  readonly kind: 'freeze';
  readonly id: string;
  readonly nonce: number;
  readonly rule: string;
  readonly message: string;
}

/** `nonce`: how many of the account's nonces are used up in final blocks. */
export interface ThawSigner {
  readonly kind: 'thaw';
  readonly nonce: number;
}

export type OutboxCommand =
  | StartSigner
  | AcceptIntent
  | HoldIntent
  | RecordSigned
  | RecordReceipt
  | AdoptIntent
  | ParkIntent
  | ContradictIntent
  | WithdrawIntent
  | FreezeSigner
  | ThawSigner;
