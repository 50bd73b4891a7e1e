import type { Expected } from '../src/index.js';

/** An append as a test gives it; with an `id` it is repeated word for word under the same command id. */
export interface Append { kind: 'append'; stream: number; expected: Expected; count: number; id?: number }

/** A command as a test gives it. */
export interface Command { kind: 'execute'; stream: number; change: bigint; times: number; key?: number; hash: string; message?: number }

/** What a change answers: a refusal's rule, or what it did. */
export type Answer = string | { stream: number; version: number; duplicate?: boolean; balance?: bigint | undefined };

/** What the store must be like: streams as lists of amounts, keys, messages and command ids as maps. Copies share what is never changed. */
export class Model {
  streams: ReadonlyMap<number, readonly bigint[]> = new Map();
  keys: ReadonlyMap<number, { hash: string; answer: { stream: number; version: number; balance: bigint } }> = new Map();
  messages: ReadonlySet<number> = new Set();
  appended: ReadonlyMap<string, number> = new Map();

  copy(): Model {
    return Object.assign(new Model(), this);
  }

  of(stream: number): readonly bigint[] {
    return this.streams.get(stream) ?? [];
  }

  balance(stream: number): bigint {
    return this.of(stream).reduce((sum, amount) => sum + amount, 0n);
  }

  #add(stream: number, amounts: readonly bigint[]): number {
    this.streams = new Map(this.streams).set(stream, [...this.of(stream), ...amounts]);
    return this.of(stream).length;
  }

  apply(change: Append | Command): Answer {
    return change.kind === 'append' ? this.#append(change) : this.#execute(change);
  }

  #append({ stream, expected, count, id }: Append): Answer {
    const version = this.of(stream).length;
    const before = id === undefined ? undefined : this.appended.get(`${stream}/${id}`);
    if (before !== undefined) return { stream, version: before };
    const fits = { any: true, none: version === 0, exists: version > 0 };
    if (!(typeof expected === 'number' ? expected === version : fits[expected])) return `expected-version at version ${version},`;
    const after = this.#add(stream, Array.from({ length: count }, () => 1n));
    if (id !== undefined) this.appended = new Map(this.appended).set(`${stream}/${id}`, after);
    return { stream, version: after };
  }

  #execute({ stream, change, times, key, hash, message }: Command): Answer {
    const known = key === undefined ? undefined : this.keys.get(key);
    if (known) return known.hash === hash ? { ...known.answer, duplicate: true } : 'idempotency-key-reused';
    if (message !== undefined && this.messages.has(message)) return { stream, version: this.of(stream).length, duplicate: true, balance: undefined };
    if (this.balance(stream) + change < 0n) return 'insufficient-balance';
    const version = this.#add(stream, Array.from({ length: times }, () => change));
    const answer = { stream, version, balance: this.balance(stream) };
    if (key !== undefined) this.keys = new Map(this.keys).set(key, { hash, answer });
    if (message !== undefined) this.messages = new Set(this.messages).add(message);
    return { ...answer, duplicate: false };
  }
}

/** Every order of a list. */
export const orders = <T>(items: readonly T[]): T[][] => (items.length < 2 ? [[...items]] : items.flatMap((item, at) => orders(items.toSpliced(at, 1)).map((rest) => [item, ...rest])));
