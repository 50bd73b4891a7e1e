import { businessKey, type BlockRef, type ChainFact } from '../domain/facts.js';
import { ChainTrouble, isAbsence, RangeRefused, type ChainIdentity, type ChainSource, type Header, type Heads } from './chain-source.js';
import type { Total } from './totals.js';

interface Answered<T> {
  readonly from: ChainSource;
  readonly value: T;
}

interface Asked<T> {
  readonly answered: readonly Answered<T>[];
  readonly missing: readonly ChainTrouble[];
}

const short = (value: unknown): string => JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part)).slice(0, 300);

interface Said {
  readonly from: { readonly name: string };
  readonly value: unknown;
}

function disagree(what: string, one: Said, other: Said): never {
  throw new ChainTrouble('providers-disagree', `${what}: ${one.from.name} says ${short(one.value)}, ${other.from.name} says ${short(other.value)}`);
}

/**
 * Several endpoints of one chain as one. Pending facts are those of one endpoint; final is only what `quorum` of them agree on.
 * Two that contradict each other about what both call final stop the chain, however many others there are: one of them is wrong,
 * and nobody here can know which.
 */
export class QuorumSource implements ChainSource {
  readonly #sources: readonly ChainSource[];
  readonly #quorum: number;
  /** Whose word counts for what is pending; the same as long as it answers. */
  #leader: ChainSource;
  /** What each endpoint has called final last, and the number of its newest block. */
  readonly #final = new Map<ChainSource, BlockRef>();
  readonly #latest = new Map<ChainSource, number>();
  /** Too few endpoints answered at the last look: nothing becomes final. */
  #short = false;
  /** What was read for the present look, and whose word it is: nobody has to say the same twice. */
  #read: { readonly from: ChainSource; readonly first: number; readonly last: number; readonly facts: readonly ChainFact[] } | undefined;
  /** Who has blocks but did not give their facts when it was to agree, and why. */
  readonly #unheard = new Map<ChainSource, string>();
  /** The newest block that a quorum has called final: whoever has another one is wrong. */
  #agreedFinal: BlockRef | undefined;

  constructor(sources: readonly ChainSource[], quorum: number) {
    const [first] = sources;
    if (first === undefined || quorum < 1 || quorum > sources.length) throw new Error(`${sources.length} endpoints cannot make a quorum of ${quorum}`);
    this.#sources = sources;
    this.#quorum = quorum;
    this.#leader = first;
  }

  get name(): string {
    return this.#sources.map(({ name }) => name).join(', ');
  }

  async identity(): Promise<ChainIdentity> {
    const { answered } = await this.#all((source) => source.identity());
    return agreed('the chain', answered, ({ chainId, genesis }) => `${chainId} ${genesis.hash}`);
  }

  async heads(): Promise<Heads> {
    const { answered, missing } = await this.#all((source) => source.heads());
    this.#read = undefined;
    this.#short = answered.length < this.#quorum;
    for (const { from, value } of answered) this.#latest.set(from, value.latest.number);
    for (const answer of answered) await this.#checkFinality(answer);
    const descending = answered.toSorted((a, b) => b.value.finalised.number - a.value.finalised.number);
    const lowest = descending[Math.min(this.#quorum, descending.length) - 1]!;
    const finalised = await this.#sameFinal(lowest, descending);
    if (!this.#short && this.#quorum > 1) this.#agreedFinal = { number: finalised.number, hash: finalised.hash };
    const leading = answered.find(({ from, value }) => from === this.#leader && value.safe.number >= finalised.number) ?? descending[0]!;
    this.#leader = leading.from;
    const { latest, safe } = leading.value;
    const agreement = { reached: answered.length, wanted: this.#quorum, missing: [...missing.map(({ message }) => message), ...this.#unheard.values()].join('; ') };
    return { latest, safe, finalised, agreement };
  }

  header(number: number): Promise<Header | undefined> {
    return this.#leader.header(number);
  }

  follow(contracts: readonly string[]): void {
    for (const source of this.#sources) source.follow(contracts);
  }

  /**
   * The leader's. Where it has none for a reason of its own, or refuses a single block, which cannot be split, those of another one
   * that has these blocks: what is pending does not stop for one endpoint.
   */
  async facts(from: number, to: number): Promise<ChainFact[]> {
    const leader = this.#leader;
    try {
      return this.#remember(leader, from, to, await leader.facts(from, to));
    } catch (error) {
      if (error instanceof RangeRefused ? from < to : !isAbsence(error)) throw error;
      for (const other of this.#sources) {
        if (other === leader || (this.#latest.get(other) ?? -1) < to) continue;
        const theirs = await other.facts(from, to).catch(silenceOf);
        if (!(theirs instanceof ChainTrouble)) return this.#remember(other, from, to, theirs);
      }
      throw error;
    }
  }

  /** A look begins with its range; single blocks are asked for again behind it. */
  #remember(from: ChainSource, first: number, last: number, facts: ChainFact[]): ChainFact[] {
    this.#read ??= { from, first, last, facts };
    return facts;
  }

  async agree(from: number, to: number, facts: readonly ChainFact[]): Promise<boolean> {
    this.#unheard.clear();
    // One that lags has not got all of these blocks yet: its silence would look like a contradiction.
    const able = this.#sources.filter((source) => (this.#final.get(source)?.number ?? -1) >= to);
    const heard = (await Promise.all(able.map((source) => this.#hear(source, from, to)))).filter((answer) => answer !== undefined);
    // What was read may be older than this look and of an endpoint that has gone since: it is nobody's word any more.
    const all = [...heard, { name: 'what was read before', facts: facts.map(textOf) }];
    for (const other of all.slice(1)) compareFacts(all[0]!, other, `blocks ${from} to ${to}`);
    return heard.length >= this.#quorum;
  }

  /** Undefined where it gives no usable answer, or refuses even a single block: then it is no witness, and nothing more. */
  async #hear(source: ChainSource, from: number, to: number): Promise<Told | undefined> {
    const read = this.#read;
    const known = read?.from === source && read.first <= from && to <= read.last;
    const facts = known ? read.facts.filter(({ blockNumber }) => blockNumber >= from && blockNumber <= to) : await inParts(source, from, to).catch(silenceOf);
    if (!(facts instanceof ChainTrouble)) return { name: source.name, facts: facts.map(textOf) };
    this.#unheard.set(source, facts.message);
    return undefined;
  }

  codes(block: BlockRef): Promise<Readonly<Record<string, string>> | undefined> {
    return this.#unlessShort(() => this.#agreedAt('code of the contracts', block, (source) => source.codes(block)));
  }

  totalStaked(block: BlockRef): Promise<bigint | undefined> {
    return this.#unlessShort(() => this.#agreedAt('what is staked', block, (source) => source.totalStaked(block)));
  }

  totals(block: BlockRef, wanted: readonly Total[]): Promise<readonly bigint[] | undefined> {
    return this.#agreedAt('the totals', block, (source) => source.totals(block, wanted));
  }

  /** Final once is final for ever: an endpoint that has another block there now lies, or has lied before. */
  async #checkFinality({ from, value: { finalised } }: Answered<Heads>): Promise<void> {
    const agreed = this.#agreedFinal;
    const changed = this.#final.get(from)?.hash !== finalised.hash;
    if (agreed !== undefined && changed && finalised.number >= agreed.number) {
      const still = finalised.number === agreed.number ? finalised : await absentOr(() => from.header(agreed.number));
      if (still !== undefined && still.hash !== agreed.hash)
        throw new ChainTrouble('final-block-changed', `block ${agreed.number} ${agreed.hash} is final, ${from.name} has ${still.hash} there`);
    }
    this.#final.set(from, { number: finalised.number, hash: finalised.hash });
  }

  /** The block that is final for the quorum, once everybody who has it as final names the same one. */
  async #sameFinal(lowest: Answered<Heads>, all: readonly Answered<Heads>[]): Promise<Header> {
    const { finalised } = lowest.value;
    for (const { from, value } of all) {
      if (value.finalised.number < finalised.number) continue;
      const theirs = value.finalised.number === finalised.number ? value.finalised : await absentOr(() => from.header(finalised.number));
      if (theirs === undefined || theirs.hash === finalised.hash) continue;
      const [one, other] = [finalised, theirs].map(({ hash }) => hash);
      disagree(`final block ${finalised.number}`, { from: lowest.from, value: one }, { from, value: other });
    }
    return finalised;
  }

  /** Where nothing becomes final the follower needs no state, and goes on with what is pending. */
  #unlessShort<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
    return this.#short ? Promise.resolve(undefined) : ask();
  }

  /**
   * A final block's state as enough endpoints give it; undefined where too many of them no longer keep it. Where those that gave no
   * answer could make up the number, it is waited for: one endpoint's word decides nothing.
   */
  async #agreedAt<T>(what: string, block: BlockRef, ask: (source: ChainSource) => Promise<T | undefined>): Promise<T | undefined> {
    const { answered, missing } = await this.#all(ask);
    const kept = answered.filter(({ value }) => value !== undefined);
    const where = `${what} at block ${block.number}`;
    if (kept.length > 0) agreed(where, kept, short);
    if (kept.length >= this.#quorum) return kept[0]!.value;
    if (kept.length + missing.length < this.#quorum) return undefined;
    throw new ChainTrouble('too-few-endpoints', `${where}: ${kept.length} of ${this.#quorum} endpoints answer: ${missing.map(({ message }) => message).join('; ')}`);
  }

  /** Who answers; throws where nobody does, and what is wrong with the chain itself. */
  async #all<T>(ask: (source: ChainSource) => Promise<T>): Promise<Asked<T>> {
    const [answered, missing]: [Answered<T>[], ChainTrouble[]] = [[], []];
    const asked = this.#sources.map((from) =>
      ask(from).then(
        (value): Answered<T> => ({ from, value }),
        (error: unknown) => (isAbsence(error) ? error : Promise.reject(error)),
      ),
    );
    for (const answer of await Promise.all(asked)) {
      if (answer instanceof ChainTrouble) missing.push(answer);
      else answered.push(answer);
    }
    if (answered.length === 0) throw missing.find(({ retryAfterMs }) => retryAfterMs !== undefined) ?? missing[0]!;
    return { answered, missing };
  }
}

/** The value that all give. */
function agreed<T>(what: string, answered: readonly Answered<T>[], keyOf: (value: T) => string): T {
  const [first] = answered;
  const other = answered.find(({ value }) => keyOf(value) !== keyOf(first!.value));
  if (other !== undefined) disagree(what, first!, other);
  return first!.value;
}

async function absentOr<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** The facts of a range as one endpoint gave them. */
interface Told {
  readonly name: string;
  readonly facts: readonly string[];
}

function compareFacts(one: Told, other: Told, where: string): void {
  const at = Array.from({ length: Math.max(one.facts.length, other.facts.length) }, (_, place) => place).find((place) => one.facts[place] !== other.facts[place]);
  if (at === undefined) return;
  const said = ({ name, facts }: Told): Said => ({ from: { name }, value: facts[at] ?? 'no more facts' });
  disagree(`fact ${at + 1} of final ${where}`, said(one), said(other));
}

/** Why an endpoint has nothing to say about a range; throws what is wrong with the chain itself. */
function silenceOf(error: unknown): ChainTrouble {
  if (error instanceof RangeRefused || isAbsence(error)) return error;
  throw error;
}

/** A range in halves where the endpoint refuses it: each endpoint has limits of its own. */
async function inParts(source: ChainSource, from: number, to: number): Promise<ChainFact[]> {
  try {
    return await source.facts(from, to);
  } catch (error) {
    if (!(error instanceof RangeRefused) || from === to) throw error;
    const middle = Math.floor((from + to) / 2);
    return [...(await inParts(source, from, middle)), ...(await inParts(source, middle + 1, to))];
  }
}

const textOf = (at: ChainFact): string => `block ${at.blockNumber} ${at.blockHash} log ${at.logIndex} ${businessKey(at)} ${short(at.fact)}`;
