import type { EventStore } from '@skein/events';
import { err, ok, type Rejection, type Result } from '@skein/kernel';
import type { ChainCommand } from '../domain/chain/chain.commands.js';
import { chainDecider, EVENTS_MAX } from '../domain/chain/chain.decider.js';
import { chainStreamId } from '../domain/chain/chain.events.js';
import { isStarted, knownFacts, windowStart, type ChainState } from '../domain/chain/chain.state.js';
import type { BlockRef, ChainFact } from '../domain/facts.js';
import { BlockRange } from './block-range.js';
import { ChainTrouble, RangeRefused, type ChainSource, type Header, type Heads } from './chain-source.js';
import { ContractWatch } from './contract-watch.js';
import { HeaderChain } from './header-chain.js';

/** Outcome of one look at the chain. */
export interface Step {
  readonly heads: Heads;
  /** Last block read and last block final, as recorded or found in this step. */
  readonly indexed: BlockRef;
  readonly finalised: BlockRef;
  /** More blocks wait to be read: look again at once. */
  readonly behind: boolean;
  /** Facts became final in this step. */
  readonly settled?: boolean;
  /** Why nothing was recorded: the chain's answers cannot be right. */
  readonly halted?: Rejection;
  /** Until an operator resumes. */
  readonly lasting?: boolean;
}

export interface FollowOptions {
  readonly chainId: number;
  /** First block that can hold a log of the contracts. */
  readonly fromBlock: number;
  /** Blocks read again each time, against answers that came too early. */
  readonly overlapBlocks?: number;
  /** Looks in a row that end with the heads, where these are the ones of the last whole look. Default 0: every look is whole. */
  readonly quietLooks?: number;
  readonly range?: BlockRange;
}

/** A fork between two questions is nothing strange, one at each look is. */
const TORN_MAX = 3;

/** What cannot heal by itself: the chain halts until an operator resumes it. */
const LASTING: readonly string[] = ['finality-violated', 'contract-changed', 'fact-below-final'];

const sameHeads = (one: Heads, other: Heads): boolean =>
  one.latest.hash === other.latest.hash &&
  one.safe.hash === other.safe.hash &&
  one.finalised.hash === other.finalised.hash &&
  one.agreement?.reached === other.agreement?.reached;

const refOf = ({ number, hash }: BlockRef): BlockRef => ({ number, hash });

interface Read {
  readonly to: BlockRef;
  readonly logs: readonly ChainFact[];
}

/** Follows one chain into its stream, step by step; backfill and live are the same steps. Keeps nothing that the stream lacks. */
export class FollowChain {
  readonly #store: EventStore;
  readonly #source: ChainSource;
  readonly #options: FollowOptions;
  readonly #range: BlockRange;
  readonly #headers: HeaderChain;
  readonly #watch: ContractWatch;
  readonly #overlap: number;
  #totalChecked = false;
  #sameChain = false;
  /** The newest block that was called final. */
  #final: BlockRef | undefined;
  /** Looks in a row that found no chain between the final block and the safe one. */
  #torn = 0;
  #whole: Step | undefined;
  #quiet = 0;

  constructor(store: EventStore, source: ChainSource, options: FollowOptions) {
    this.#store = store;
    this.#source = source;
    this.#options = options;
    this.#range = options.range ?? new BlockRange();
    this.#headers = new HeaderChain(source);
    this.#watch = new ContractWatch(source, options.fromBlock);
    this.#overlap = options.overlapBlocks ?? 8;
  }

  get streamId(): string {
    return chainStreamId(this.#options.chainId);
  }

  /** The same object again where the look was a quiet one. Throws `ChainTrouble` where the chain gives no usable answer. */
  async step(): Promise<Step> {
    const started: Result<unknown, Rejection> = this.#sameChain ? ok(undefined) : await this.#start();
    this.#sameChain = started.ok;
    const heads = await this.#source.heads();
    const before = this.#whole;
    this.#whole = undefined;
    if (before !== undefined && this.#quiet > 0 && sameHeads(before.heads, heads)) {
      this.#quiet -= 1;
      return (this.#whole = before);
    }
    const step = await this.#look(started, heads);
    this.#quiet = this.#options.quietLooks ?? 0;
    // What waits or cannot be right is looked at again wholly.
    this.#whole = step.behind || step.halted !== undefined ? undefined : step;
    return step;
  }

  async #look(started: Result<unknown, Rejection>, asked: Heads): Promise<Step> {
    const { state } = await this.#store.state(chainDecider, this.streamId);
    if (!started.ok) return this.#halted(asked, state, started.error);
    if (state.halted !== undefined) {
      // Whoever resumes has looked at it: from then on what is recorded counts.
      this.#final = undefined;
      return this.#halted(asked, state, rejection(state.halted.rule, state.halted.reason));
    }
    const heads = agreedHeads(asked, state);
    const { cursor } = state;
    if (heads.latest.number < cursor.number)
      return this.#halted(heads, state, wentBackwards(cursor.number, heads.latest.number));
    const kept = await this.#checkFinalBlock(heads.finalised, state);
    if (!kept.ok) return this.#halted(heads, state, kept.error);
    const atCursor = await this.#source.header(cursor.number);
    if (atCursor?.hash !== cursor.hash) return this.#revert(heads, state);
    // Not an error: the safe head may lie behind what another endpoint has called safe.
    if (heads.safe.number < cursor.number) return this.#done(heads, state, cursor, false);
    const seen = await this.#seeContracts(heads.finalised);
    return seen.ok ? this.#read(heads, state) : this.#halted(heads, state, seen.error);
  }

  /** Begins the stream, or checks that the endpoint still serves the chain it began with. */
  async #start(): Promise<Result<unknown, Rejection>> {
    const { chainId, genesis } = await this.#source.identity();
    if (chainId !== this.#options.chainId) return err(wrongChain(this.#source.name, chainId, this.#options.chainId));
    const { state } = await this.#store.state(chainDecider, this.streamId);
    this.#source.follow(state.announced.map(({ contract }) => contract));
    const before = Math.max(genesis.number, this.#options.fromBlock - 1);
    const cursor = isStarted(state) ? state.cursor : await this.#source.header(before);
    if (cursor === undefined) return notThere(before);
    return this.#give({ kind: 'start', chainId, genesis, cursor: refOf(cursor) });
  }

  async #seeContracts(finalised: BlockRef): Promise<Result<unknown, Rejection>> {
    const found = await this.#watch.look(finalised);
    if (found === undefined) return ok(undefined);
    const seen = await this.#give({ kind: 'see-contracts', ...found, asOf: refOf(finalised) });
    if (seen.ok) this.#watch.seen(finalised);
    return seen;
  }

  async #revert(heads: Heads, state: ChainState): Promise<Step> {
    let ancestor: BlockRef = state.genesis;
    for (const block of state.blocks.toReversed()) {
      if ((await this.#source.header(block.number))?.hash !== block.hash) continue;
      ancestor = refOf(block);
      break;
    }
    const reverted = await this.#give({ kind: 'revert', ancestor });
    return reverted.ok ? this.#done(heads, state, ancestor, true) : this.#halted(heads, state, reverted.error);
  }

  async #read(heads: Heads, state: ChainState): Promise<Step> {
    const { span } = this.#range;
    // At the smallest range nothing is read again, so that one block, however full, can always be passed.
    const overlap = span === 1 ? 0 : Math.min(this.#overlap, span);
    const from = Math.max(windowStart(state), state.cursor.number + 1 - overlap);
    const target = Math.min(heads.safe.number, state.cursor.number + span);
    const answer = await this.#ask(heads, state, from, target);
    if (answer === undefined) return this.#done(heads, state, state.cursor, true);
    const { to, logs } = answer;
    const finalised = await this.#agreed(heads.finalised, state, answer);
    const totalStaked = await this.#totalAt(finalised, to, state, logs);
    const behind = to.number < heads.safe.number;
    const total = totalStaked === undefined ? {} : { totalStaked };
    const advanced = await this.#give({ kind: 'advance', from, to, logs, finalised, behind, ...total });
    if (!advanced.ok) return this.#halted(heads, state, advanced.error);
    this.#range.grow(logs.length);
    return { heads, indexed: to, finalised: finalised.number <= to.number ? finalised : to, behind, settled: finalised.number > state.finalised.number };
  }

  /** Logs of a range whose blocks have been checked to be one chain; undefined when it has to be asked for again. */
  async #ask(heads: Heads, state: ChainState, from: number, target: number): Promise<Read | undefined> {
    try {
      const tip = target === heads.safe.number ? heads.safe : await this.#source.header(target);
      if (tip === undefined) throw new ChainTrouble('missing-block', `block ${target} is not there, block ${heads.safe.number} is`);
      const links = await this.#links(heads, state, tip);
      if (links === undefined) return undefined;
      const logs = await this.#source.facts(from, tip.number);
      await this.#checkAgainst(links, logs);
      return { to: refOf(tip), logs };
    } catch (error) {
      if (!(error instanceof RangeRefused) || !this.#range.shrink()) throw error;
      return undefined;
    }
  }

  /** Blocks up to `tip` that may still be undone, as one chain that stands on the cursor or on the final block. */
  async #links(heads: Heads, state: ChainState, tip: Header): Promise<Header[] | undefined> {
    const { finalised } = heads;
    const base = state.cursor.number >= finalised.number ? state.cursor : finalised;
    const links = base.number >= tip.number ? [] : await this.#headers.link(base, tip);
    this.#torn = links === undefined ? this.#torn + 1 : 0;
    if (this.#torn > TORN_MAX) throw new ChainTrouble('block-changed', `blocks ${base.number} to ${tip.number} are no chain: block ${base.number} ${base.hash} is not under them`);
    return links;
  }

  /** Each fact lies in the block that the chain names, and no block whose bloom filter promises facts came without. */
  async #checkAgainst(links: readonly Header[], logs: readonly ChainFact[]): Promise<void> {
    const hashes = new Map(links.map(({ number, hash }) => [number, hash]));
    const strange = logs.find(({ blockNumber, blockHash }) => (hashes.get(blockNumber) ?? blockHash) !== blockHash);
    if (strange !== undefined) throw new RangeRefused(`block ${strange.blockNumber} changed while it was read`, 'block-changed');
    const filled = new Set(logs.map(({ blockNumber }) => blockNumber));
    for (const { number, mayHoldFacts } of links)
      if (mayHoldFacts && !filled.has(number) && (await this.#source.facts(number, number)).length > 0)
        throw new RangeRefused(`the facts of block ${number} are missing from a longer answer`, 'truncated-answer');
  }

  /** How far facts may become final: no further than enough endpoints give the same ones. */
  async #agreed(finalised: BlockRef, state: ChainState, { to, logs }: Read): Promise<BlockRef> {
    const last = finalised.number <= to.number ? finalised : to;
    if (last.number <= state.finalised.number) return refOf(finalised);
    const [first, pending] = [state.finalised.number + 1, knownFacts(state).filter((known) => !known.final)];
    const known = new Set(pending.map(({ blockHash, logIndex }) => `${blockHash}/${logIndex}`));
    const fresh = logs.filter(({ blockNumber, blockHash, logIndex }) => blockNumber >= first && !known.has(`${blockHash}/${logIndex}`));
    const due = [...pending.map(({ final: _final, ...fact }) => fact), ...fresh].filter(({ blockNumber }) => blockNumber <= last.number);
    due.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
    return (await this.#source.agree(first, last.number, due)) ? refOf(finalised) : state.finalised;
  }

  /**
   * The tag `finalized` names a block of the very chain whose blocks are read by number, and what it named before is still there:
   * the stream records final blocks only now and then where nothing happens.
   */
  async #checkFinalBlock({ number, hash }: BlockRef, state: ChainState): Promise<Result<unknown, Rejection>> {
    const before = this.#final;
    if (hash === before?.hash) return ok(undefined);
    if (before !== undefined && (await this.#source.header(before.number))?.hash !== before.hash)
      return err(rejection('finality-violated', `the chain has left final block ${before.number} ${before.hash}`));
    const there = number <= state.finalised.number ? undefined : await this.#source.header(number);
    if (there !== undefined && there.hash !== hash)
      throw new ChainTrouble('final-block-changed', `block ${number} is called final as ${hash}, by its number it is ${there.hash}`);
    if (before === undefined || before.number < number) this.#final = { number, hash };
    return ok(undefined);
  }

  /** Asked for only when facts become final, and once after each start: it is a call on an old state. */
  async #totalAt(finalised: BlockRef, to: BlockRef, state: ChainState, logs: readonly ChainFact[]): Promise<bigint | undefined> {
    if (finalised.number > to.number || finalised.number < this.#options.fromBlock) return undefined;
    const waiting = [...knownFacts(state).filter((known) => !known.final), ...logs];
    if (this.#totalChecked && !waiting.some(({ blockNumber }) => blockNumber <= finalised.number)) return undefined;
    const total = await this.#source.totalStaked(finalised);
    if (total !== undefined) this.#totalChecked = true;
    return total;
  }

  /** Gives a command until it leads to nothing more: a decision is cut to what one append holds. */
  async #give(command: ChainCommand): Promise<Result<unknown, Rejection>> {
    for (;;) {
      const result = await this.#store.execute({
        decider: chainDecider,
        streamId: this.streamId,
        command: () => command,
        metadata: { correlationId: this.streamId, actor: 'chain-follower' },
      });
      if (!result.ok || result.value.events.length < EVENTS_MAX) return result;
    }
  }

  #done(heads: Heads, state: ChainState, indexed: BlockRef, behind: boolean): Step {
    return { heads, indexed, finalised: state.finalised, behind };
  }

  async #halted(heads: Heads, state: ChainState, halted: Rejection): Promise<Step> {
    this.#sameChain = false;
    const lasting = LASTING.includes(halted.rule) && isStarted(state);
    if (lasting) await this.#give({ kind: 'halt', rule: halted.rule, reason: halted.message });
    return { heads, indexed: state.cursor, finalised: state.finalised, behind: false, halted, lasting };
  }
}

/** Too few endpoints make nothing final: what has been final stays the last such block. */
function agreedHeads(heads: Heads, { finalised, genesis }: ChainState): Heads {
  const { agreement } = heads;
  if (agreement === undefined || agreement.reached >= agreement.wanted) return heads;
  const last = finalised.number < 0 ? genesis : finalised;
  return { ...heads, finalised: { ...last, parentHash: '', mayHoldFacts: false } };
}

const rejection = (rule: string, message: string): Rejection => ({ code: 'failed-precondition', rule, message });

const wentBackwards = (cursor: number, latest: number): Rejection =>
  rejection('latest-went-backwards', `block ${cursor} was read, now the chain ends at ${latest}`);

const wrongChain = (name: string, chainId: number, wanted: number): Rejection =>
  rejection('wrong-chain-id', `${name} serves chain ${chainId}, chain ${wanted} is wanted`);

const notThere = (number: number): Result<never, Rejection> => err(rejection('no-such-block', `the chain has no block ${number} to begin behind`));
