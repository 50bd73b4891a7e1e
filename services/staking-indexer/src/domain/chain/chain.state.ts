import { businessKey, rawKey, type BlockRef, type ChainFact } from '../facts.js';

/** A fact of the window. */
export interface KnownFact extends ChainFact {
  readonly final: boolean;
}

/** A block of the window: the chain had it when it was last asked. */
export interface KnownBlock extends BlockRef {
  readonly facts: readonly KnownFact[];
}

/** What must be remembered to follow a chain. `blocks` ascends and reaches `WINDOW_BLOCKS` below `finalised`. */
export interface ChainState {
  readonly chainId: number;
  readonly genesis: BlockRef;
  readonly cursor: BlockRef;
  readonly finalised: BlockRef;
  readonly blocks: readonly KnownBlock[];
  /** Base units staked on everything by final facts. */
  readonly stakedFinal: bigint;
  /** Contracts that facts have announced, with the block that did; those of reverted blocks are gone. */
  readonly announced: readonly Announced[];
  /** Code hashes by address, once seen. */
  readonly codes?: Readonly<Record<string, string>>;
  /** Up to this block an operator lets facts be taken that come to light where everything was final already. */
  readonly lateTo?: number;
  /** Nothing is recorded until an operator resumes. */
  readonly halted?: { readonly rule: string; readonly reason: string };
}

export interface Announced {
  readonly contract: string;
  readonly blockNumber: number;
}

/** Adds the contract that a fact announces, if it does. */
export function withAnnounced(announced: readonly Announced[], { fact, blockNumber }: ChainFact): readonly Announced[] {
  if (fact.kind !== 'pool-created' || announced.some(({ contract }) => contract === fact.pool)) return announced;
  return [...announced, { contract: fact.pool, blockNumber }];
}

/** How far below the final block facts are remembered, so that overlapping reads recognise them. */
export const WINDOW_BLOCKS = 64;

const NOWHERE: BlockRef = { number: -1, hash: '' };
export const initialChainState: ChainState = {
  chainId: 0,
  genesis: NOWHERE,
  cursor: NOWHERE,
  finalised: NOWHERE,
  blocks: [],
  stakedFinal: 0n,
  announced: [],
};

export const isStarted = (state: ChainState): boolean => state.chainId !== 0;

/** First block that may be read again: everything below has left the window. */
export const windowStart = (state: ChainState): number => Math.max(state.finalised.number - WINDOW_BLOCKS, state.genesis.number) + 1;

export const knownBlock = (state: ChainState, number: number): KnownBlock | undefined =>
  state.blocks.find((block) => block.number === number);

export const knownFacts = (state: ChainState): KnownFact[] => state.blocks.flatMap((block) => block.facts);

/** Adds a block to the window, or nothing if it is there. */
export function withBlock(blocks: readonly KnownBlock[], { number, hash }: BlockRef): readonly KnownBlock[] {
  let at = blocks.length;
  while (at > 0 && blocks[at - 1]!.number >= number) at -= 1;
  if (blocks[at]?.number === number) return blocks;
  return [...blocks.slice(0, at), { number, hash, facts: [] }, ...blocks.slice(at)];
}

/** Adds a fact to its block's facts, or replaces the one with the same raw key. */
export const withFact = (blocks: readonly KnownBlock[], fact: KnownFact): readonly KnownBlock[] => withFacts(blocks, [fact]);

/** The same for many facts at once: a backfill brings thousands, and each block is rebuilt once. */
export function withFacts(blocks: readonly KnownBlock[], facts: readonly KnownFact[]): readonly KnownBlock[] {
  const added = Map.groupBy(facts, ({ blockNumber }) => blockNumber);
  let all = blocks;
  for (const [number, [first]] of added) all = withBlock(all, { number, hash: first!.blockHash });
  return all.map((block) => {
    const fresh = added.get(block.number);
    if (fresh === undefined) return block;
    const keys = new Set(fresh.map(rawKey));
    return { ...block, facts: [...block.facts.filter((known) => !keys.has(rawKey(known))), ...fresh] };
  });
}

/** Canonical facts of the window by raw and by business key. */
export function factIndex(state: ChainState): { raw: Map<string, KnownFact>; business: Map<string, KnownFact> } {
  const facts = knownFacts(state);
  return {
    raw: new Map(facts.map((fact) => [rawKey(fact), fact])),
    business: new Map(facts.map((fact) => [businessKey(fact), fact])),
  };
}
