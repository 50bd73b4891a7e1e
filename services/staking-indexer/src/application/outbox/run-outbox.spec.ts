import { RejectionError, type Rejection } from '@skein/kernel';
import { FakeClock } from '@skein/testing';
import { expect, test } from 'vitest';
import { FakeChain } from '../../../test/outbox-fake-chain.js';
import { mint, rootOf } from '../../../test/outbox-fixtures.js';
import { MemoryOutbox } from '../../../test/outbox-memory.js';
import { CONTRACTS, testSigner } from '../../../test/outbox-parts.js';
import type { Intent } from '../../domain/outbox/intent.js';
import type { IntentSettled, OutboxEvent, TransactionSigned } from '../../domain/outbox/outbox.events.js';
import type { Signer } from './ports.js';
import { RunOutbox, type OutboxOptions } from './run-outbox.js';

const signer = testSigner(`0x${'17'.repeat(32)}`);

class Table {
  readonly outbox = new MemoryOutbox();
  readonly clock = new FakeClock();
  readonly chain: FakeChain;
  run: RunOutbox;
  readonly #options: Partial<OutboxOptions>;

  constructor(options: Partial<OutboxOptions> = {}, firstNonce = 0) {
    this.chain = new FakeChain(firstNonce);
    this.#options = options;
    this.run = this.again();
  }

  /** As after a restart: nothing in memory. */
  again(): RunOutbox {
    const { chain, clock } = this;
    return (this.run = new RunOutbox(this.outbox, { chainId: 31337, contracts: CONTRACTS, signer, chain, clock, ...this.#options }));
  }

  async accept(...epochs: number[]): Promise<void> {
    for (const epoch of epochs) await this.outbox.give({ kind: 'accept', intent: mint(epoch), nowMs: 0 });
  }

  async blocks(count: number): Promise<void> {
    for (let made = 0; made < count; made += 1) {
      this.chain.mine();
      await this.run.step();
    }
  }

  of(type: OutboxEvent['type']): OutboxEvent['data'][] {
    return this.outbox.history.filter((event) => event.type === type).map(({ data }) => data);
  }

  get signed(): TransactionSigned['data'][] {
    return this.of('skein.staking.transaction.signed.v1') as TransactionSigned['data'][];
  }

  get settled(): IntentSettled['data'][] {
    return this.of('skein.staking.intent.settled.v1') as IntentSettled['data'][];
  }

  get epochs(): bigint[] {
    return this.chain.history.filter(({ succeeded }) => succeeded).map(({ epoch }) => epoch);
  }
}

test('intents reach the chain in order and are over once they are final', async () => {
  const table = new Table({}, 5);
  await table.accept(1, 2, 3);
  await table.run.step();
  expect(table.signed.map(({ nonce }) => nonce)).toEqual([5, 6, 7]);
  await table.blocks(2);
  expect((await table.outbox.state()).open).toHaveLength(3);
  await table.blocks(1);
  expect(table.settled.map(({ how, block: { number } }) => [how, number])).toEqual([['mined', 1], ['mined', 1], ['mined', 1]]);
  expect([table.epochs, (await table.outbox.state()).open]).toEqual([[1n, 2n, 3n], []]);
});

test('bytes that a restart, a reorg or a full pool has lost are sent again, the same', async () => {
  const table = new Table();
  await table.accept(1);
  await table.run.step();
  table.chain.forget();
  table.again();
  await table.blocks(2);
  expect(table.epochs).toEqual([1n]);
  table.chain.fork(1, true);
  expect([table.epochs, table.chain.waiting]).toEqual([[], 0]);
  table.clock.advance(20_000);
  await table.run.step();
  await table.blocks(3);
  expect([table.signed.length, table.epochs, table.chain.history.length]).toEqual([1, [1n], 1]);
});

test('what nobody mines is replaced at its nonce, an eighth dearer each time, up to the cap', async () => {
  const table = new Table({ feeCap: 100n });
  await table.accept(1, 2);
  await table.run.step();
  table.chain.baseFee = 30n;
  table.clock.advance(61_000);
  await table.blocks(1);
  expect(table.signed.map(({ nonce, transaction: { feeMax, tipMax } }) => [nonce, feeMax, tipMax])).toEqual([[0, 21n, 1n], [1, 21n, 1n], [0, 61n, 2n]]);
  table.chain.baseFee = 70n;
  table.clock.advance(61_000);
  const { troubles, replaced } = await table.run.step();
  expect([troubles.map(({ rule }) => rule), replaced]).toEqual([['fee-cap'], 1]);
  table.chain.baseFee = 20n;
  await table.blocks(4);
  expect([table.epochs, table.chain.history.map(({ nonce }) => nonce)]).toEqual([[1n, 2n], [0, 1]]);
});

test('the one that was replaced may be mined after all', async () => {
  const table = new Table();
  await table.accept(1);
  await table.run.step();
  table.chain.ignores = true;
  table.clock.advance(61_000);
  await table.run.step();
  expect(table.signed).toHaveLength(2);
  await table.blocks(3);
  expect(table.settled).toMatchObject([{ how: 'mined', hash: table.signed[0]!.transaction.hash }]);
});

test('a receipt of a block that the chain has left settles nothing', async () => {
  const table = new Table();
  await table.accept(1);
  await table.run.step();
  table.chain.forget();
  table.chain.receipt = async () => ({ block: { number: 1, hash: '0xleft' }, succeeded: true });
  await table.blocks(5);
  expect(table.settled).toEqual([]);
});

test('an intent that the chain refuses steps aside for those behind it, and goes on by itself', async () => {
  const table = new Table();
  table.chain.epochsOver = 5n;
  await table.accept(7, 1);
  await table.run.step();
  expect(table.of('skein.staking.intent.parked.v1')).toMatchObject([{ refusal: { error: 'EpochNotOver', message: 'EpochNotOver(7)' } }]);
  await table.blocks(3);
  expect(table.epochs).toEqual([1n]);
  table.chain.epochsOver = 8n;
  table.clock.advance(10_000);
  await table.run.step();
  await table.blocks(3);
  expect([table.epochs, (await table.outbox.state()).open]).toEqual([[1n, 7n], []]);
});

test('what another has brought about is adopted once it is final, without a transaction', async () => {
  const table = new Table();
  table.chain.foreign(0, 1n);
  table.chain.mine();
  await table.blocks(2);
  await table.accept(1);
  await table.run.step();
  expect(table.settled).toMatchObject([{ how: 'adopted' }]);
  expect(table.signed).toEqual([]);
});

test('a transaction that fails uses up its nonce, and its intent gets another one as soon as the chain takes it', async () => {
  const table = new Table();
  await table.accept(1);
  await table.run.step();
  table.chain.epochsOver = 0n;
  await table.blocks(4);
  expect(table.of('skein.staking.transaction.reverted.v1')).toMatchObject([{ nonce: 0, refusal: { error: 'EpochNotOver' } }]);
  table.chain.epochsOver = 9n;
  table.clock.advance(10_000);
  await table.run.step();
  await table.blocks(3);
  expect([table.epochs, table.chain.history.map(({ nonce, succeeded }) => [nonce, succeeded])]).toEqual([[1n], [[0, false], [1, true]]]);
});

test('a nonce that somebody else has used freezes the signer; after a thaw its intent gets another one', async () => {
  const table = new Table();
  await table.accept(1, 2);
  await table.run.step();
  table.chain.foreign(0, 99n);
  await table.blocks(4);
  expect((await table.outbox.state()).frozen).toMatchObject({ rule: 'nonce-used-elsewhere' });
  await table.accept(3);
  await table.run.step();
  expect(table.signed).toHaveLength(2);
  await table.run.thaw();
  await table.run.step();
  await table.blocks(3);
  expect([table.epochs.toSorted((a, b) => Number(a - b)), table.chain.history.map(({ nonce }) => nonce)]).toEqual([[1n, 2n, 3n, 99n], [0, 1, 2, 3]]);
});

test('a thaw while a pass is under way is not undone by what that pass has seen before', async () => {
  const table = new Table();
  await table.accept(1);
  await table.run.step();
  table.chain.foreign(0, 99n);
  await table.blocks(3);
  expect((await table.outbox.state()).frozen).toBeDefined();
  const { receipt } = table.chain;
  // The operator's answer comes between two questions of the pass.
  table.chain.receipt = async (hash) => {
    Object.assign(table.chain, { receipt });
    await table.run.thaw();
    return receipt.call(table.chain, hash);
  };
  await table.run.step();
  expect((await table.outbox.state()).frozen).toBeUndefined();
  await table.blocks(3);
  expect(table.epochs).toEqual([99n, 1n]);
});

test('two passes at once: who comes second with a receipt, an adoption or a signature has nothing to do, and no trouble', async () => {
  const table = new Table();
  /** Between two questions of the one pass there is a whole pass of another process. */
  const between = (name: 'receipt' | 'dryRun' | 'read'): void => {
    const asked = table.chain[name].bind(table.chain) as (...args: never[]) => Promise<never>;
    const other = new RunOutbox(table.outbox, { chainId: 31337, contracts: CONTRACTS, signer, chain: table.chain, clock: table.clock });
    Object.assign(table.chain, { [name]: async (...args: never[]) => {
      Object.assign(table.chain, { [name]: asked });
      const answer = await asked(...args);
      await other.step();
      return answer;
    } });
  };
  await table.accept(1);
  between('dryRun');
  expect((await table.run.step()).troubles).toEqual([]);
  expect(table.signed).toHaveLength(1);
  for (let made = 0; made < 3; made += 1) table.chain.mine();
  between('receipt');
  expect((await table.run.step()).troubles).toEqual([]);
  table.chain.foreign(1, 2n);
  for (let made = 0; made < 3; made += 1) table.chain.mine();
  await table.accept(2);
  between('read');
  expect((await table.run.step()).troubles).toEqual([]);
  expect(table.settled.map(({ id, how }) => [id, how])).toEqual([['epochs/1/emission', 'mined'], ['epochs/2/emission', 'adopted']]);
});

test('an account whose transactions are not final yet is not taken over', async () => {
  const table = new Table();
  table.chain.foreign(0, 1n);
  table.chain.mine();
  expect((await table.run.step()).troubles).toMatchObject([{ rule: 'signer-busy' }]);
  await table.blocks(2);
  expect((await table.outbox.state()).nextNonce).toBe(1);
});

test('a signer that signs something else, or with another key, is not believed', async () => {
  const other = testSigner(`0x${'18'.repeat(32)}`);
  const lies: Signer['sign'][] = [
    (asked) => signer.sign({ ...asked, nonce: asked.nonce + 1 }),
    (asked) => signer.sign({ ...asked, data: `${asked.data.slice(0, -1)}9` as `0x${string}` }),
    (asked) => signer.sign({ ...asked, gas: asked.gas + 1n }),
    (asked) => other.sign(asked),
    async () => '0x02deadbeef',
  ];
  for (const sign of lies) {
    const table = new Table({ signer: { address: signer.address, sign } });
    await table.accept(1);
    const { troubles } = await table.run.step();
    expect([troubles.map(({ rule }) => rule), table.signed, table.chain.waiting]).toEqual([['signer-answered-otherwise'], [], 0]);
  }
});

test('at rest the chain is asked nothing', async () => {
  const table = new Table();
  await table.run.step();
  const asked: string[] = [];
  table.chain.finalised = async () => {
    asked.push('finalised');
    return { number: 0, hash: '0xg' };
  };
  await table.run.step();
  expect(asked).toEqual([]);
});

const waits = (rule: string): RejectionError => new RejectionError({ code: 'unavailable', rule, message: rule, retriable: true });

test('what one intent meets, at its look, its signature or its receipt, leaves the others alone', async () => {
  const table = new Table();
  const { read, receipt } = table.chain;
  const cold: Signer = { address: signer.address, sign: (asked) => (asked.data.endsWith('2') ? Promise.reject(waits('signer-refused')) : signer.sign(asked)) };
  table.run = new RunOutbox(table.outbox, { chainId: 31337, contracts: CONTRACTS, signer: cold, chain: table.chain, clock: table.clock });
  table.chain.read = async (asked, block) => (asked.args[0] === 1n ? Promise.reject(waits('log-missing')) : read.call(table.chain, asked, block));
  await table.accept(1, 2, 3, 4);
  expect((await table.run.step()).troubles.map(({ rule }) => rule)).toEqual(['log-missing', 'signer-refused']);
  expect(table.signed.map(({ id }) => id)).toEqual(['epochs/3/emission', 'epochs/4/emission']);
  const [first] = table.signed;
  table.chain.receipt = async (hash) => (hash === first!.transaction.hash ? Promise.reject(waits('providers-disagree')) : receipt.call(table.chain, hash));
  await table.blocks(3);
  expect(table.settled.map(({ id }) => id)).toEqual(['epochs/4/emission']);
  Object.assign(table.chain, { read, receipt });
  await table.run.step();
  expect(table.settled).toHaveLength(2);
});

test('an endpoint that is not there is not asked again for each intent', async () => {
  const table = new Table();
  await table.accept(1, 2, 3);
  let asked = 0;
  table.chain.read = async () => {
    asked += 1;
    throw waits('endpoint-timeout');
  };
  expect((await table.run.step()).troubles).toHaveLength(1);
  expect(asked).toBe(1);
});

const rootsAt = (next: bigint) => async ({ functionName }: { functionName: string }): Promise<unknown> =>
  functionName === 'nextRootEpoch' ? next : { activeFrom: 0n, hash: 0n, sum: 0n };

test('a parked root that a later one has overtaken is given up by itself', async () => {
  const table = new Table();
  await table.outbox.give({ kind: 'accept', intent: rootOf(4), nowMs: 0 });
  table.chain.dryRun = async () => ({ refusal: { error: 'SumAboveFunded', message: 'SumAboveFunded(5, 4)' } });
  table.chain.read = rootsAt(4n);
  await table.run.step();
  expect(table.of('skein.staking.intent.parked.v1')).toMatchObject([{ refusal: { error: 'SumAboveFunded' } }]);
  table.chain.read = rootsAt(7n);
  table.clock.advance(10_000);
  await table.run.step();
  expect(table.of('skein.staking.intent.withdrawn.v1')).toEqual([{ id: 'epochs/4/rewards', reason: 'overtaken by the root of epoch 6' }]);
  expect([(await table.outbox.state()).open, (await table.outbox.state()).frozen, table.signed]).toEqual([[], undefined, []]);
});

test('while payouts are frozen what pays waits, with the reason, and everything else goes on', async () => {
  let frozen: Rejection | undefined = { code: 'failed-precondition', rule: 'payouts-frozen', message: 'payouts are frozen (totals-differ): 5 units' };
  let compared = 0;
  const whyNotPay = async (): Promise<Rejection | undefined> => {
    compared += 1;
    return frozen;
  };
  const table = new Table({ whyNotPay });
  table.chain.read = rootsAt(0n);
  table.chain.dryRun = async () => ({ gas: 100_000n });
  table.chain.send = async () => 'taken';
  const finish: Intent = { kind: 'finish-task', taskId: '0192f0c1-2b3c-7def-8123-456789abcdef' };
  for (const intent of [rootOf(4), rootOf(5), finish]) await table.outbox.give({ kind: 'accept', intent, nowMs: 0 });
  const { troubles } = await table.run.step();
  expect(table.signed.map(({ id }) => id)).toEqual(['tasks/0192f0c1-2b3c-7def-8123-456789abcdef/end']);
  expect(troubles).toMatchObject([{ rule: 'payouts-frozen' }, { rule: 'payouts-frozen' }]);
  expect(table.of('skein.staking.intent.parked.v1')).toMatchObject([{ id: 'epochs/4/rewards', refusal: { error: 'payouts-frozen', message: expect.stringContaining('5 units') } }, { id: 'epochs/5/rewards' }]);
  // Nothing is asked for those that wait until it is worth asking again.
  table.chain.read = async () => expect.unreachable();
  expect((await table.run.step()).troubles).toHaveLength(2);
  expect([compared, table.of('skein.staking.intent.parked.v1').length]).toEqual([1, 2]);
  table.chain.read = rootsAt(0n);
  frozen = undefined;
  table.clock.advance(5_000);
  await table.run.step();
  expect(table.signed.map(({ id }) => id).slice(1)).toEqual(['epochs/4/rewards', 'epochs/5/rewards']);
});

test('another key signs only what is new: what the first one has under way is sent and awaited before', async () => {
  const table = new Table();
  await table.accept(1);
  await table.run.step();
  await table.accept(2);
  const second = testSigner(`0x${'18'.repeat(32)}`);
  // An account of its own: it has sent nothing.
  const { nonceAt } = table.chain;
  table.chain.nonceAt = async (account, block) => (account === second.address ? 1 : nonceAt.call(table.chain, account, block));
  table.chain.forget();
  table.run = new RunOutbox(table.outbox, { chainId: 31337, contracts: CONTRACTS, signer: second, chain: table.chain, clock: table.clock });
  expect((await table.run.step()).troubles).toMatchObject([{ rule: 'signer-under-way', message: expect.stringContaining(signer.address) }]);
  expect([table.signed.length, table.chain.waiting]).toEqual([1, 1]);
  await table.blocks(3);
  expect(table.settled.map(({ id }) => id)).toEqual(['epochs/1/emission']);
  await table.run.step();
  expect((await table.outbox.state()).signer).toBe(second.address);
  await table.blocks(3);
  expect([table.epochs, (await table.outbox.state()).open, (await table.outbox.state()).frozen]).toEqual([[1n, 2n], [], undefined]);
});
