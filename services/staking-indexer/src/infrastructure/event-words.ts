import { toEventSelector, type Abi, type AbiEvent, type AbiParameter, type DecodeEventLogReturnType, type Hex } from 'viem';

/** The part of a log that says what happened. */
export interface LogData {
  readonly topics: readonly Hex[];
  readonly data: Hex;
}

/** What a decoder knows besides the log: CAIP-10 of an address, and the address of the contract itself in lower case. */
export interface Where {
  readonly wallet: (address: string) => string;
  readonly contract: string;
}

export const notAFact = (event: { readonly eventName: string }): Error => new Error(`${event.eventName} is not a fact`);

type Value = bigint | number | boolean | string | { readonly [name: string]: Value };
type Read = (next: () => string) => Value;

interface EventReader {
  readonly eventName: string;
  readonly topics: number;
  readonly words: number;
  readonly indexed: readonly (readonly [string, Read])[];
  readonly plain: readonly (readonly [string, Read])[];
}

const ZEROS = '0'.repeat(64);
/** The largest width whose numbers are `number`s, as viem has it. */
const NUMBER_BITS = 48;

function unsigned(bits: number): Read {
  const digits = bits / 4;
  return (next) => {
    const word = next();
    if (!word.startsWith(ZEROS.slice(digits))) throw new Error(`a number of ${bits} bits is larger`);
    return bits <= NUMBER_BITS ? Number.parseInt(word, 16) : BigInt(`0x${word}`);
  };
}

function address(next: () => string): Value {
  const word = next();
  if (!word.startsWith(ZEROS.slice(40))) throw new Error('an address is longer than 20 bytes');
  return `0x${word.slice(24)}`;
}

function truth(next: () => string): Value {
  const value = BigInt(`0x${next()}`);
  if (value > 1n) throw new Error('a boolean is neither 0 nor 1');
  return value === 1n;
}

function bytes(length: number): Read {
  return (next) => {
    const word = next();
    if (!word.endsWith(ZEROS.slice(length * 2))) throw new Error(`${length} bytes are more`);
    return `0x${word.slice(0, length * 2)}`;
  };
}

/** How many words a parameter fills, and how to read it. Everything that our contracts emit has a fixed length. */
function readerOf(parameter: AbiParameter): { words: number; read: Read } {
  const { type } = parameter;
  if (type === 'address') return { words: 1, read: address };
  if (type === 'bool') return { words: 1, read: truth };
  if (type === 'tuple' && 'components' in parameter) return tupleOf(parameter.components);
  const [, kind, width] = /^(uint|bytes)(\d+)$/.exec(type) ?? [];
  if (kind === undefined) throw new Error(`an event has a parameter of type ${type}`);
  return { words: 1, read: kind === 'uint' ? unsigned(Number(width)) : bytes(Number(width)) };
}

function tupleOf(components: readonly AbiParameter[]): { words: number; read: Read } {
  const parts = components.map((part) => ({ name: part.name ?? '', ...readerOf(part) }));
  return {
    words: parts.reduce((sum, { words }) => sum + words, 0),
    read: (next) => Object.fromEntries(parts.map(({ name, read }) => [name, read(next)])),
  };
}

function eventReader(event: AbiEvent): EventReader {
  const of = (indexed: boolean) =>
    event.inputs.filter((input) => (input.indexed ?? false) === indexed).map((input) => ({ name: input.name ?? '', ...readerOf(input) }));
  const [indexed, plain] = [of(true), of(false)];
  return {
    eventName: event.name,
    topics: indexed.length + 1,
    words: plain.reduce((sum, { words }) => sum + words, 0),
    indexed: indexed.map(({ name, read }) => [name, read] as const),
    plain: plain.map(({ name, read }) => [name, read] as const),
  };
}

function args({ indexed, plain }: EventReader, { topics, data }: LogData): Record<string, Value> {
  const found: Record<string, Value> = {};
  indexed.forEach(([name, read], at) => (found[name] = read(() => topics[at + 1]!.slice(2))));
  let at = 2;
  const next = (): string => data.slice(at, (at += 64));
  for (const [name, read] of plain) found[name] = read(next);
  return found;
}

/**
 * Reads logs of one contract, every word checked. A backfill reads hundreds of thousands: a general decoder, which looks for
 * the event among all and hashes their signatures at each log, would take most of its time.
 */
export class EventWords<const A extends Abi> {
  readonly #readers: ReadonlyMap<Hex, EventReader>;

  /** `names`: the events that are wanted; one that the ABI lacks is refused. */
  constructor(abi: A, names: readonly string[]) {
    this.#readers = new Map(
      names.map((name) => {
        const event = abi.find((item): item is AbiEvent => item.type === 'event' && item.name === name);
        if (event === undefined) throw new Error(`no contract of ours emits ${name}`);
        return [toEventSelector(event), eventReader(event)];
      }),
    );
  }

  get topics(): readonly Hex[] {
    return [...this.#readers.keys()];
  }

  /** Name and arguments as viem's `decodeEventLog` gives them, but addresses in lower case; throws for any other log. */
  decode(log: LogData): DecodeEventLogReturnType<A> {
    const reader = this.#readers.get(log.topics[0]!);
    if (reader === undefined) throw new Error(`no event of ours has the topic ${log.topics[0]}`);
    const fits = log.topics.length === reader.topics && log.topics.every((topic) => topic.length === 66) && log.data.length === 2 + reader.words * 64;
    if (!fits) throw new Error(`a log of ${reader.eventName} has another shape`);
    return { eventName: reader.eventName, args: args(reader, log) } as DecodeEventLogReturnType<A>;
  }
}
