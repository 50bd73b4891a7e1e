import { FakeClock } from '@skein/testing';
import { expect, test } from 'vitest';
import { FakeChain } from '../../../test/outbox-fake-chain.js';
import { mint } from '../../../test/outbox-fixtures.js';
import { MemoryOutbox } from '../../../test/outbox-memory.js';
import { CONTRACTS, testSigner } from '../../../test/outbox-parts.js';
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
