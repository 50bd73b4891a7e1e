import type { Address, Hex } from 'viem';
import type { Fees } from '../../domain/outbox/fees.policy.js';
import type { Block, Refusal } from '../../domain/outbox/outbox.events.js';

/** What an intent asks of one contract: receiver and calldata. */
export interface Call {
  readonly to: Address;
  readonly data: Hex;
}

/** An EIP-1559 transaction before it is signed. It carries no value. */
export interface UnsignedTransaction extends Call, Fees {
  readonly chainId: number;
  readonly nonce: number;
  readonly gas: bigint;
}

/** Whoever holds the key. */
export interface Signer {
  readonly address: Address;
  /** The signed bytes as they are sent. Throws when there is no signature to be had now. */
  sign(transaction: UnsignedTransaction): Promise<Hex>;
}

/** Where a transaction was mined. */
export interface Receipt {
  readonly block: Block;
  readonly succeeded: boolean;
}

/** `underpriced`: the endpoint keeps it from the chain until it pays more. */
export type Sent = 'taken' | 'underpriced';

/** Reads a contract: `viem`'s parameters of `readContract` without their types. */
export interface ContractRead {
  readonly address: Address;
  readonly abi: readonly unknown[];
  readonly functionName: string;
  readonly args: readonly unknown[];
}

/** One event of a contract: `viem`'s decoded arguments, its block and transaction. */
export interface ContractEvent {
  readonly args: Readonly<Record<string, unknown>>;
  readonly block: number;
  readonly transaction: Hex;
}

/** Events of a contract with these indexed arguments. */
export interface EventsOf extends Omit<ContractRead, 'functionName' | 'args'> {
  readonly eventName: string;
  readonly args: object;
}

/** What the outbox asks of a chain. Every method throws a `RejectionError` (`unavailable`) when there is no usable answer. */
export interface TransactionChain {
  finalised(): Promise<Block>;
  /** Undefined where the chain has no such block. */
  blockHash(number: number): Promise<string | undefined>;
  /** How many transactions of the account are mined up to a block. */
  nonceAt(account: Address, block: number | 'latest'): Promise<number>;
  receipt(hash: Hex): Promise<Receipt | undefined>;
  /** Sending the same bytes again, or those of a nonce that is used up, is no error. */
  send(raw: Hex): Promise<Sent>;
  /** What gets a transaction into one of the next blocks. */
  fees(): Promise<Fees>;
  /** What the call would do now: the gas it needs, or why it is refused. */
  dryRun(from: Address, call: Call): Promise<{ readonly gas: bigint } | { readonly refusal: Refusal }>;
  read(read: ContractRead, block: number | 'latest'): Promise<unknown>;
  /** The newest event up to a block: for what a contract says once. */
  newestEvent(of: EventsOf, block: number | 'latest'): Promise<ContractEvent | undefined>;
  /** Those of one block, in the chain's order. */
  eventsIn(of: EventsOf, block: number): Promise<ContractEvent[]>;
  /** What a transaction called: the receiver in lower case. */
  callOf(transaction: Hex): Promise<{ readonly to: string; readonly data: string }>;
}
