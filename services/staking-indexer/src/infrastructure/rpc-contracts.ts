import type { AddressBook } from '@skein/contracts-evm';
import type { Hex } from 'viem';
import { mayHold } from './bloom.js';
import { factTopics, topicsOf, type ContractKind } from './decode-log.js';
import type { RpcLog } from './rpc-shapes.js';

const bookKinds = (book: AddressBook): [Hex, ContractKind][] => [
  [book.gmExchange, 'gmExchange'],
  [book.taskStaking, 'taskStaking'],
  [book.poolManager, 'poolManager'],
  [book.emission, 'emission'],
  [book.rewards, 'rewards'],
  [book.slashedRewards, 'rewards'],
  [book.federationTask, 'federationTask'],
  [book.parameterRegistry, 'registry'],
];

/** Addresses of one filter: endpoints refuse longer lists. */
const ADDRESSES_PER_FILTER = 500;

/** Contracts whose logs are facts: those of the address book, and the pools that facts announced. */
export class RpcContracts {
  readonly #kinds: Map<string, ContractKind>;
  readonly #ofBook: readonly Hex[];
  readonly #topics = new Map<ContractKind, ReadonlySet<string>>();

  constructor(book: AddressBook) {
    this.#kinds = new Map(bookKinds(book));
    this.#ofBook = [...this.#kinds.keys()] as Hex[];
    for (const kind of this.#kinds.values()) this.#topics.set(kind, new Set(topicsOf(kind)));
    this.#topics.set('delegationPool', new Set(topicsOf('delegationPool')));
  }

  /** Addresses of the book's contracts. */
  get ofBook(): readonly Hex[] {
    return this.#ofBook;
  }

  /** Those that were not known. */
  add(pools: Iterable<string>): Hex[] {
    const fresh = [...new Set(pools)].filter((pool) => !this.#kinds.has(pool));
    for (const pool of fresh) this.#kinds.set(pool, 'delegationPool');
    return fresh as Hex[];
  }

  /** Address lists of the filters that together ask for every contract. */
  filters(): Hex[][] {
    return inChunks([...this.#kinds.keys()] as Hex[]);
  }

  /** Which contract has made the log, where it is one of the logs that are facts. */
  kindOf({ address, topics }: RpcLog): ContractKind | undefined {
    const kind = this.#kinds.get(address);
    return kind !== undefined && this.#topics.get(kind)!.has(topics[0] ?? '') ? kind : undefined;
  }

  mayBeIn(logsBloom: Hex): boolean {
    return mayHold(logsBloom, this.#kinds.keys() as Iterable<Hex>, factTopics);
  }
}

export function inChunks(addresses: readonly Hex[]): Hex[][] {
  const chunks: Hex[][] = [];
  for (let at = 0; at < addresses.length; at += ADDRESSES_PER_FILTER) chunks.push(addresses.slice(at, at + ADDRESSES_PER_FILTER));
  return chunks;
}
