import { expect, test } from 'vitest';
import { factIn, stakedFact } from '../../test/chain-fixtures.js';
import type { ChainFact } from '../domain/facts.js';
import { ChainTrouble, RangeRefused, type ChainSource, type Header, type Heads } from './chain-source.js';
import { QuorumSource } from './quorum-source.js';

const header = (number: number, branch = 'a'): Header => ({ number, hash: `0x${branch}${number}`, parentHash: `0x${branch}${number - 1}`, mayHoldFacts: false });
const headsAt = (latest: number, final: number, branch = 'a'): Heads => ({ latest: header(latest, branch), safe: header(latest - 1, branch), finalised: header(final, branch) });

/** A provider of a scripted chain. */
class Provider {
  readonly name: string;
  heads_: Heads = headsAt(20, 10);
  branch = 'a';
  facts_: ChainFact[] = [];
  codes_: Record<string, string> | undefined = { '0x1': 'c' };
  total: bigint | undefined = 7n;
  chainId = 8453;
  down: ChainTrouble | undefined;
  asked: string[] = [];
  /** Why it does not give the facts of a range. */
  refuses: (from: number, to: number) => ChainTrouble | undefined = () => undefined;

  constructor(name: string) {
    this.name = name;
  }

  #answer<T>(what: string, value: T): Promise<T> {
    this.asked.push(what);
    return this.down === undefined ? Promise.resolve(value) : Promise.reject(this.down);
  }
  identity = () => this.#answer('identity', { chainId: this.chainId, genesis: { number: 0, hash: '0x0' } });
  heads = () => this.#answer('heads', this.heads_);
  header = (number: number) => this.#answer('header', header(number, this.branch));
  follow = (contracts: readonly string[]) => void this.asked.push(`follow ${contracts.join()}`);
  facts = (from: number, to: number) => {
    const refusal = this.refuses(from, to);
    return refusal === undefined ? this.#factsOf(from, to) : Promise.reject(refusal);
  };
  #factsOf = (from: number, to: number) => this.#answer(`facts ${from}-${to}`, this.facts_.filter(({ blockNumber }) => blockNumber >= from && blockNumber <= to));
  agree = () => Promise.resolve(true);
  codes = () => this.#answer('codes', this.codes_);
  totalStaked = () => this.#answer('total', this.total);
  totals = () => this.#answer('totals', this.total === undefined ? undefined : [this.total]);
}

function providers(count: number, quorum: number): { all: Provider[]; source: ChainSource } {
  const all = Array.from({ length: count }, (_, at) => new Provider(`p${at + 1}`));
  return { all, source: new QuorumSource(all, quorum) };
}

const down = (rule: 'endpoint-unreachable' | 'rate-limited' = 'endpoint-unreachable', retryAfterMs?: number) =>
  new ChainTrouble(rule, `it is down`, retryAfterMs === undefined ? {} : { retryAfterMs });

test('final is what the quorum has as final, pending what one endpoint says', async () => {
  const { all, source } = providers(3, 2);
  all[0]!.heads_ = headsAt(30, 15);
  all[1]!.heads_ = headsAt(29, 14);
  all[2]!.heads_ = headsAt(20, 5);
  const { latest, finalised, agreement } = await source.heads();
  expect([latest.number, finalised.number, agreement]).toEqual([30, 14, { reached: 3, wanted: 2, missing: '' }]);
});

test('with fewer in reach than must agree it says so and goes on; with none it is an outage', async () => {
  const { all, source } = providers(2, 2);
  all[0]!.down = down();
  expect((await source.heads()).agreement).toEqual({ reached: 1, wanted: 2, missing: 'it is down' });
  expect(await source.agree(1, 9, [])).toBe(false);
  expect((await source.header(7))?.number).toBe(7);
  all[1]!.down = down('rate-limited', 9_000);
  await expect(source.heads()).rejects.toMatchObject({ rule: 'rate-limited', retryAfterMs: 9_000 });
  all[0]!.down = undefined;
  all[1]!.down = undefined;
  await source.heads();
  expect(await source.agree(1, 9, [])).toBe(true);
});

test('two that disagree stop it, with both answers in the reason, even where a quorum agrees', async () => {
  const { all, source } = providers(3, 2);
  all[2]!.heads_ = headsAt(20, 10, 'b');
  await expect(source.heads()).rejects.toMatchObject({ rule: 'providers-disagree', message: 'final block 10: p2 says "0xa10", p3 says "0xb10"' });
  all[2]!.heads_ = headsAt(22, 12, 'b');
  all[2]!.branch = 'b';
  await expect(new QuorumSource(all, 2).heads()).rejects.toMatchObject({ rule: 'providers-disagree' });
  all[2]!.heads_ = headsAt(22, 12);
  all[2]!.branch = 'a';
  expect((await new QuorumSource(all, 2).heads()).finalised.number).toBe(10);
});

test('one that has another block where the quorum has called one final is named, and heals', async () => {
  const { all, source } = providers(3, 2);
  await source.heads();
  all[1]!.heads_ = headsAt(20, 10, 'b');
  for (let looks = 0; looks < 2; looks += 1)
    await expect(source.heads()).rejects.toMatchObject({ rule: 'final-block-changed', message: 'block 10 0xa10 is final, p2 has 0xb10 there' });
  all[1]!.heads_ = headsAt(21, 11, 'b');
  all[1]!.branch = 'b';
  await expect(source.heads()).rejects.toMatchObject({ rule: 'final-block-changed' });
  all[1]!.heads_ = headsAt(21, 11);
  all[1]!.branch = 'a';
  expect((await source.heads()).finalised.number).toBe(10);
});

test('facts become final where enough endpoints give the same ones', async () => {
  const [one, two] = [factIn(header(3), 't1', 0), factIn(header(5), 't2', 0)];
  const { all, source } = providers(3, 2);
  for (const provider of all) provider.facts_ = [one, two];
  await source.heads();
  expect(await source.agree(1, 9, [one, two])).toBe(true);
  expect(await source.agree(4, 9, [two])).toBe(true);
  all[1]!.facts_ = [one];
  await expect(source.agree(1, 9, [one, two])).rejects.toMatchObject({ rule: 'providers-disagree', message: expect.stringMatching(/fact 2 of final blocks 1 to 9: p1 says .*0xt2\/0.*, p2 says "no more facts"/) });
  all[1]!.facts_ = [one, factIn(header(5), 't2', 0, stakedFact(11n))];
  await expect(source.agree(1, 9, [one, two])).rejects.toMatchObject({ rule: 'providers-disagree' });
  // One that lags is no witness, and no contradiction.
  all[1]!.facts_ = [];
  all[1]!.heads_ = headsAt(9, 4);
  all[2]!.down = down();
  const lagging = new QuorumSource(all, 1);
  await lagging.heads();
  expect(await lagging.agree(1, 9, [one, two])).toBe(true);
  const strict = new QuorumSource(all, 2);
  await strict.heads();
  expect(await strict.agree(1, 9, [one, two])).toBe(false);
});

test('what has been read is asked for again of nobody who said it, and counts for nobody who did not', async () => {
  const fact = factIn(header(5), 't1', 0);
  const { all, source } = providers(2, 2);
  for (const provider of all) provider.facts_ = [fact];
  await source.heads();
  const read = await source.facts(3, 9);
  expect(await source.agree(4, 9, read)).toBe(true);
  expect(all.map(({ asked }) => asked.filter((what) => what.startsWith('facts')))).toEqual([['facts 3-9'], ['facts 4-9']]);
  // Observed by one that has gone since: only one is left that says so.
  all[0]!.down = down();
  all[1]!.heads_ = headsAt(30, 12);
  await source.heads();
  expect(await source.agree(4, 9, read)).toBe(false);
  all[0]!.down = undefined;
  await source.heads();
  for (const provider of all) provider.asked = [];
  expect(await source.agree(4, 9, read)).toBe(true);
  expect(all.map(({ asked }) => asked)).toEqual([['facts 4-9'], ['facts 4-9']]);
  await expect(source.agree(4, 9, [])).rejects.toMatchObject({ rule: 'providers-disagree', message: expect.stringContaining('what was read before says "no more facts"') });
});

test('a range that is refused is split; a single block that one refuses another one gives, or there is a name for it', async () => {
  const fact = factIn(header(5), 't1', 0);
  const { all, source } = providers(3, 2);
  for (const provider of all) provider.facts_ = [fact];
  all[0]!.refuses = (from, to) => (from <= 5 && to >= 5 ? new RangeRefused('too many logs') : undefined);
  await source.heads();
  await expect(source.facts(1, 9)).rejects.toMatchObject({ rule: 'range-refused' });
  all[1]!.heads_ = headsAt(4, 3);
  await source.heads();
  expect(await source.facts(5, 5)).toEqual([fact]);
  // The one that lags is not asked: it would say that there is nothing.
  expect(all.map(({ asked }) => asked.filter((what) => what === 'facts 5-5').length)).toEqual([0, 0, 1]);
  all[2]!.refuses = () => new ChainTrouble('endpoint-timeout', 'no answer');
  await expect(source.facts(5, 5)).rejects.toMatchObject({ rule: 'range-refused', message: 'too many logs' });
});

test('whoever cannot give a block’s facts is no witness and stops nothing; it is named', async () => {
  const fact = factIn(header(5), 't1', 0);
  const { all, source } = providers(2, 2);
  for (const provider of all) provider.facts_ = [fact];
  all[1]!.refuses = (from, to) => (from <= 5 && to >= 5 ? new RangeRefused('too many logs') : undefined);
  await source.heads();
  const read = await source.facts(1, 9);
  expect(await source.agree(1, 9, read)).toBe(false);
  expect((await source.heads()).agreement).toEqual({ reached: 2, wanted: 2, missing: 'too many logs' });
  all[1]!.refuses = (from, to) => (to > from ? new RangeRefused('too wide') : undefined);
  expect(await source.agree(1, 9, read)).toBe(true);
  expect((await source.heads()).agreement?.missing).toBe('');
  // The leader that has no logs to give is passed over as long as another one has them.
  all[0]!.refuses = () => new ChainTrouble('endpoint-timeout', 'no answer');
  all[1]!.refuses = () => undefined;
  await source.heads();
  expect(await source.facts(1, 9)).toEqual([fact]);
  expect(await source.agree(1, 9, [fact])).toBe(false);
});

test('a final block’s state is what enough endpoints give; one alone decides nothing, and is waited for or not', async () => {
  const { all, source } = providers(2, 2);
  const at = { number: 10, hash: '0xa10' };
  expect([await source.totals(at, [{ name: 'staked' }]), await source.totalStaked(at), await source.codes(at)]).toEqual([[7n], 7n, { '0x1': 'c' }]);
  await source.heads();
  all[1]!.down = down();
  const waits = { rule: 'too-few-endpoints', message: 'the totals at block 10: 1 of 2 endpoints answer: it is down' };
  await expect(source.totals(at, [{ name: 'staked' }])).rejects.toMatchObject(waits);
  await expect(source.totalStaked(at)).rejects.toMatchObject({ rule: 'too-few-endpoints' });
  await expect(source.codes(at)).rejects.toMatchObject({ rule: 'too-few-endpoints' });
  // Once the look knows, it goes on with what is pending and asks for no state; whoever compares totals is told all the same.
  await source.heads();
  expect([await source.totalStaked(at), await source.codes(at)]).toEqual([undefined, undefined]);
  await expect(source.totals(at, [{ name: 'staked' }])).rejects.toMatchObject(waits);
  // Forgotten by one of two: no other one will ever come to say it.
  all[1]!.down = undefined;
  all[1]!.total = undefined;
  await source.heads();
  expect([await source.totals(at, [{ name: 'staked' }]), await source.totalStaked(at)]).toEqual([undefined, undefined]);
});

test('chains, codes and totals have to be the same; whoever has forgotten a state is passed over', async () => {
  const { all, source } = providers(2, 1);
  const at = { number: 10, hash: '0xa10' };
  expect(await source.identity()).toMatchObject({ chainId: 8453 });
  expect([await source.codes(at), await source.totalStaked(at), await source.totals(at, [{ name: 'staked' }])]).toEqual([{ '0x1': 'c' }, 7n, [7n]]);
  all[0]!.total = undefined;
  expect(await source.totalStaked(at)).toBe(7n);
  all[0]!.total = 8n;
  await expect(source.totalStaked(at)).rejects.toMatchObject({ rule: 'providers-disagree', message: expect.stringContaining('p1 says "8", p2 says "7"') });
  all[1]!.total = undefined;
  all[0]!.total = undefined;
  expect(await source.totals(at, [])).toBeUndefined();
  all[0]!.codes_ = { '0x1': 'd' };
  await expect(source.codes(at)).rejects.toMatchObject({ rule: 'providers-disagree' });
  all[0]!.chainId = 1;
  await expect(source.identity()).rejects.toMatchObject({ rule: 'providers-disagree' });
});

test('whom it listens to for what is pending stays the same while it answers', async () => {
  const { all, source } = providers(2, 1);
  await source.heads();
  all[1]!.heads_ = headsAt(40, 10);
  expect((await source.heads()).latest.number).toBe(20);
  all[0]!.down = down();
  expect((await source.heads()).latest.number).toBe(40);
  all[0]!.down = undefined;
  expect((await source.heads()).latest.number).toBe(40);
});

test('a quorum needs as many endpoints', () => {
  expect(() => new QuorumSource([], 1)).toThrow('0 endpoints cannot make a quorum of 1');
  expect(() => providers(1, 2)).toThrow('1 endpoints cannot make a quorum of 2');
});
