import type { Hex } from 'viem';
import { ChainTrouble } from '../application/chain-trouble.js';

/** Parts of a block, a log and a receipt that are used, checked one by one: nothing else of an answer is believed to be there. */
export interface RpcBlock {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly logsBloom: Hex;
  /** Seconds. */
  readonly time: number;
}

export interface RpcLog {
  /** Lower case. */
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: number;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: number;
  /** Seconds; undefined where the endpoint does not say. */
  readonly blockTime: number | undefined;
}

export interface RpcReceipt {
  readonly blockHash: Hex;
  readonly logs: readonly RpcLog[];
}

const HASH = /^0x[0-9a-f]{64}$/;
const ADDRESS = /^0x[0-9a-f]{40}$/i;
const BYTES = /^0x(?:[0-9a-f]{2})*$/;
const QUANTITY = /^0x[0-9a-f]{1,13}$/;
const BLOOM = /^0x[0-9a-f]{512}$/;

type Raw = Readonly<Record<string, unknown>>;

function bad(what: string, field: string, value: unknown): never {
  throw new ChainTrouble('answer-malformed', `${what}: ${field} is ${(JSON.stringify(value) ?? 'missing').slice(0, 80)}`);
}

const rawOf = (what: string, value: unknown): Raw => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Raw) : bad(what, 'it', value));

function text(what: string, raw: Raw, field: string, form: RegExp): Hex {
  const value = raw[field];
  return typeof value === 'string' && form.test(value) ? (value as Hex) : bad(what, field, value);
}

const quantity = (what: string, raw: Raw, field: string): number => Number(text(what, raw, field, QUANTITY));

export const countOf = (what: string, value: unknown): number => quantity(what, { it: value }, 'it');
export const chainIdOf = (value: unknown): number => countOf('eth_chainId', value);

/** A block; undefined for `null`: the chain has no such block. */
export function blockOf(value: unknown): RpcBlock | undefined {
  if (value === null) return undefined;
  const raw = rawOf('block', value);
  const [hash, parentHash] = [text('block', raw, 'hash', HASH), text('block', raw, 'parentHash', HASH)];
  return { number: quantity('block', raw, 'number'), hash, parentHash, logsBloom: text('block', raw, 'logsBloom', BLOOM), time: quantity('block', raw, 'timestamp') };
}

function logOf(value: unknown): RpcLog & { readonly removed: boolean } {
  const raw = rawOf('log', value);
  const topics = raw['topics'];
  if (!Array.isArray(topics) || topics.length > 4) return bad('log', 'topics', topics);
  for (const topic of topics) if (typeof topic !== 'string' || !HASH.test(topic)) bad('log', 'topics', topics);
  return {
    address: text('log', raw, 'address', ADDRESS).toLowerCase() as Hex,
    topics: topics as Hex[],
    data: text('log', raw, 'data', BYTES),
    blockNumber: quantity('log', raw, 'blockNumber'),
    blockHash: text('log', raw, 'blockHash', HASH),
    transactionHash: text('log', raw, 'transactionHash', HASH),
    logIndex: quantity('log', raw, 'logIndex'),
    blockTime: raw['blockTimestamp'] === undefined ? undefined : quantity('log', raw, 'blockTimestamp'),
    removed: raw['removed'] === true,
  };
}

/** Logs that stand. */
export function logsOf(value: unknown): RpcLog[] {
  if (!Array.isArray(value)) return bad('logs', 'it', value);
  return value.map(logOf).filter(({ removed }) => !removed);
}

/** A receipt; undefined for `null`: the chain knows no such transaction. */
export function receiptOf(value: unknown): RpcReceipt | undefined {
  if (value === null) return undefined;
  const raw = rawOf('receipt', value);
  return { blockHash: text('receipt', raw, 'blockHash', HASH), logs: logsOf(raw['logs']) };
}

/** Where a transaction of ours was mined, and whether it had its effect; undefined for `null`: it is in no block. */
export function minedOf(value: unknown, hash: Hex): { readonly blockNumber: number; readonly blockHash: Hex; readonly succeeded: boolean } | undefined {
  if (value === null) return undefined;
  const raw = rawOf('receipt', value);
  if (raw['transactionHash'] !== hash) bad('receipt', 'transactionHash', raw['transactionHash']);
  return { blockNumber: quantity('receipt', raw, 'blockNumber'), blockHash: text('receipt', raw, 'blockHash', HASH), succeeded: text('receipt', raw, 'status', /^0x[01]$/) === '0x1' };
}

/** What a transaction called: the receiver in lower case, empty where it made a contract. */
export function calledOf(value: unknown, hash: Hex): { readonly to: string; readonly data: Hex } {
  const raw = rawOf('transaction', value);
  if (raw['hash'] !== hash) bad('transaction', 'hash', raw['hash']);
  return { to: raw['to'] === null ? '' : text('transaction', raw, 'to', ADDRESS).toLowerCase(), data: text('transaction', raw, 'input', BYTES) };
}

/** Bytes of a contract's code or of a call's answer. */
export const bytesOf = (what: string, value: unknown): Hex => text(what, { it: value }, 'it', BYTES);
