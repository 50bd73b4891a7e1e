import { RejectionError } from '@skein/kernel';
import { FakeClock } from '@skein/testing';
import { expect, test } from 'vitest';
import { FakeChain } from '../../test/outbox-fake-chain.js';
import { mint } from '../../test/outbox-fixtures.js';
import { MemoryOutbox } from '../../test/outbox-memory.js';
import { CONTRACTS, testSigner } from '../../test/outbox-parts.js';
import type { Receipt, TransactionChain } from '../application/outbox/ports.js';
import { RunOutbox } from '../application/outbox/run-outbox.js';
import { QuorumTransactionChain } from './outbox-quorum.js';

const signer = testSigner(`0x${'17'.repeat(32)}`);
const METHODS = ['blockHash', 'receipt', 'nonceAt', 'send', 'fees', 'dryRun', 'read', 'newestEvent', 'eventsIn', 'callOf'] as const;
const unreachable = new RejectionError({ code: 'unavailable', rule: 'endpoint-unreachable', message: 'endpoint cannot be reached', retriable: true });

/** Several endpoints of one chain; each may say something of its own. */
class Endpoints {
  readonly chain = new FakeChain();
  readonly said: Partial<TransactionChain>[];
  readonly all: QuorumTransactionChain;

  constructor(count: number, quorum: number) {
    this.said = Array.from({ length: count }, () => ({}));
    const named = this.said.map((own, at) => ({
      name: `p${at + 1}`,
      chain: Object.fromEntries(METHODS.map((name) => [name, (...args: never[]) => ((own[name] ?? this.chain[name].bind(this.chain)) as (...all: never[]) => unknown)(...args)])) as unknown as TransactionChain,
    }));
    this.all = new QuorumTransactionChain(named, quorum, () => this.chain.finalised());
  }

  down(at: number): void {
    for (const name of METHODS) Object.assign(this.said[at]!, { [name]: () => Promise.reject(unreachable) });
  }

  up(at: number): void {
    for (const name of Object.keys(this.said[at]!)) delete this.said[at]![name as keyof TransactionChain];
  }
}

const receipt = (number: number, succeeded = true): Receipt => ({ block: { number, hash: `0x${number}` }, succeeded });

test('an intent is over once enough endpoints have its receipt; one alone ends nothing', async () => {
  const endpoints = new Endpoints(2, 2);
  const outbox = new MemoryOutbox();
  const run = new RunOutbox(outbox, { chainId: 31337, contracts: CONTRACTS, signer, chain: endpoints.all, clock: new FakeClock() });
  const settled = (): number => outbox.history.filter(({ type }) => type === 'skein.staking.intent.settled.v1').length;
  await outbox.give({ kind: 'accept', intent: mint(0), nowMs: 0 });
  await run.step();
  for (let block = 0; block < 4; block += 1) endpoints.chain.mine();
  endpoints.said[1]!.receipt = async () => undefined;
  expect((await run.step()).troubles).toMatchObject([{ rule: 'too-few-endpoints', message: expect.stringMatching(/^the receipt of 0x[0-9a-f]+: 1 of 2 endpoints have it, 2 have to$/) }]);
  endpoints.said[1]!.receipt = async (hash) => ({ ...(await endpoints.chain.receipt(hash))!, succeeded: false });
  expect((await run.step()).troubles).toMatchObject([{ rule: 'providers-disagree' }]);
  endpoints.down(1);
  await expect(run.step()).rejects.toMatchObject({ rejection: { rule: 'too-few-endpoints' } });
  expect([settled(), endpoints.chain.history.length]).toEqual([0, 1]);
  endpoints.up(1);
  await run.step();
  expect(settled()).toBe(1);
});

test('a receipt that is not final decides nothing and may be one endpoint’s; a final one that enough have outweighs it', async () => {
  const { chain, said, all } = new Endpoints(3, 2);
  for (let block = 0; block < 8; block += 1) chain.mine();
  await all.finalised();
  const [early, final] = [receipt(8), receipt(3)];
  const say = (...answers: (Receipt | undefined)[]): void => answers.forEach((answer, at) => (said[at]!.receipt = async () => answer));
  say(undefined, early, undefined);
  expect(await all.receipt('0x1')).toEqual(early);
  say(early, final, final);
  expect(await all.receipt('0x1')).toEqual(final);
  say(early, final, undefined);
  expect(await all.receipt('0x1')).toEqual(early);
  say(undefined, undefined, undefined);
  expect(await all.receipt('0x1')).toBeUndefined();
  say(final, receipt(3, false), final);
  await expect(all.receipt('0x1')).rejects.toMatchObject({ rejection: { rule: 'providers-disagree' } });
});

test('what a final block holds must be said by enough; what is latest, what is estimated and what is sent need one', async () => {
  const endpoints = new Endpoints(2, 2);
  const { chain, said, all } = endpoints;
  for (let block = 0; block < 8; block += 1) chain.mine();
  const read = { address: CONTRACTS.emission, abi: [], functionName: 'minted', args: [0n] };
  const events = { address: CONTRACTS.emission, abi: [], eventName: 'Minted', args: {} };
  const atFinal = [
    () => all.read(read, 3), () => all.nonceAt(signer.address, 3), () => all.newestEvent(events, 3), () => all.eventsIn(events, 3), () => all.callOf('0x1'), () => all.blockHash(3),
  ];
  expect(await Promise.all(atFinal.map((ask) => ask()))).toEqual([false, 0, undefined, [], { to: '', data: '' }, '0x3']);
  const minted = { args: { epoch: 1n }, block: 2, transaction: '0x1' } as const;
  Object.assign(said[1]!, {
    read: async () => true, nonceAt: async () => 9, newestEvent: async () => minted, eventsIn: async () => [minted], callOf: async () => ({ to: '0x', data: '' }), blockHash: async () => '0xother',
  });
  for (const ask of atFinal) await expect(ask()).rejects.toMatchObject({ rejection: { code: 'unavailable', rule: 'providers-disagree', retriable: true } });
  expect([await all.read(read, 'latest'), await all.nonceAt(signer.address, 'latest')]).toEqual([false, 9]);
  endpoints.down(0);
  endpoints.up(1);
  for (const ask of atFinal) await expect(ask()).rejects.toMatchObject({ rejection: { rule: 'too-few-endpoints', message: expect.stringContaining('1 of 2 endpoints answer: p1: endpoint cannot be reached') } });
  expect(await all.fees()).toEqual(await chain.fees());
  said[1]!.send = async () => 'underpriced';
  expect(await all.send('0x')).toBe('underpriced');
  said[0]!.send = async () => 'taken';
  expect(await all.send('0x')).toBe('taken');
  endpoints.down(0);
  endpoints.down(1);
  await expect(all.send('0x')).rejects.toBe(unreachable);
  await expect(all.fees()).rejects.toBe(unreachable);
});

test('a quorum needs as many endpoints', () => {
  expect(() => new Endpoints(1, 2)).toThrow('1 endpoints cannot make a quorum of 2');
});
