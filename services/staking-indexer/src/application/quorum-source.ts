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

function disagree(what: string, one: Answered<unknown>, other: Answered<unknown>): never {
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
  /** What each endpoint has called final last. */
  readonly #final = new Map<ChainSource, BlockRef>();
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
    for (const answer of answered) await this.#checkFinality(answer);
    const descending = answered.toSorted((a, b) => b.value.finalised.number - a.value.finalised.number);
    const lowest = descending[Math.min(this.#quorum, descending.length) - 1]!;
    const finalised = await this.#sameFinal(lowest, descending);
    if (answered.length >= this.#quorum && this.#quorum > 1) this.#agreedFinal = { number: finalised.number, hash: finalised.hash };
    const leading = answered.find(({ from, value }) => from === this.#leader && value.safe.number >= finalised.number) ?? descending[0]!;
    this.#leader = leading.from;
    const { latest, safe } = leading.value;
    const agreement = { reached: answered.length, wanted: this.#quorum, missing: missing.map(({ message }) => message).join('; ') };
    return { latest, safe, finalised, agreement };
  }

  header(number: number): Promise<Header | undefined> {
    return this.#leader.header(number);
  }

  follow(contracts: readonly string[]): void {
    for (const source of this.#sources) source.follow(contracts);
  }

  facts(from: number, to: number): Promise<ChainFact[]> {
    return this.#leader.facts(from, to);
  }

  async agree(from: number, to: number, facts: readonly ChainFact[]): Promise<boolean> {
    const ours = facts.map(textOf);
    let agreeing = 1;
    for (const source of this.#sources) {
      // One that lags has not got all of these blocks yet: its silence would look like a contradiction.
      if (source === this.#leader || (this.#final.get(source)?.number ?? -1) < to) continue;
      const theirs = await absentOr(() => inParts(source, from, to));
      if (theirs === undefined) continue;
      this.#compare(source, ours, theirs.map(textOf), `blocks ${from} to ${to}`);
      agreeing += 1;
    }
    return agreeing >= this.#quorum;
  }

  codes(block: BlockRef): Promise<Readonly<Record<string, string>> | undefined> {
    return this.#agreedAt('code of the contracts', block, (source) => source.codes(block));
  }

  totalStaked(block: BlockRef): Promise<bigint | undefined> {
    return this.#agreedAt('what is staked', block, (source) => source.totalStaked(block));
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

  #compare(source: ChainSource, ours: readonly string[], theirs: readonly string[], where: string): void {
    const at = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, place) => place).find((place) => ours[place] !== theirs[place]);
    if (at === undefined) return;
    const [one, other] = [ours[at] ?? 'no more facts', theirs[at] ?? 'no more facts'];
    disagree(`fact ${at + 1} of final ${where}`, { from: this.#leader, value: one }, { from: source, value: other });
  }

  /** One answer for a final block's state; endpoints that no longer keep it are passed over. */
  async #agreedAt<T>(what: string, block: BlockRef, ask: (source: ChainSource) => Promise<T | undefined>): Promise<T | undefined> {
    const { answered } = await this.#all(ask);
    const kept = answered.filter(({ value }) => value !== undefined);
    return kept.length === 0 ? undefined : agreed(`${what} at block ${block.number}`, kept, short);
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
