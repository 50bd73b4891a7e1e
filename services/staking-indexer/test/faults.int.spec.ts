import { EventStore, eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { numberToHex, type Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ChainTrouble } from '../src/application/chain-source.js';
import { FollowChain, type FollowOptions, type Step } from '../src/application/follow-chain.js';
import { chainDecider } from '../src/domain/chain/chain.decider.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { TestChain } from './chain.js';
import { Refusal, RpcProxy, type Bend, type Break } from './rpc-proxy.js';

const TIMEOUT_MS = 500;
const BYTES_MAX = 4_000_000;
const OTHER_HASH = `0x${'12'.repeat(32)}`;

let chain: TestChain;
let proxy: RpcProxy;
let database: TestDatabase;
let store: EventStore;
let amount = 0n;

beforeAll(async () => {
  chain = await TestChain.start();
  proxy = await RpcProxy.before(chain.anvil.rpcUrl);
});
afterAll(async () => {
  await proxy.stop();
  await chain.anvil.stop();
});
beforeEach(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
});
afterEach(async () => {
  proxy.heal();
  await store.close();
  await database.drop();
});

const source = (): RpcChainSource => new RpcChainSource(new JsonRpc(proxy.url, { timeoutMs: TIMEOUT_MS, answerBytesMax: BYTES_MAX }), chain.book);
const follower = (options: Partial<FollowOptions> = {}): FollowChain =>
  new FollowChain(store, source(), { chainId: chain.anvil.chainId, fromBlock: Number(chain.book.fromBlock), ...options });
const version = async (): Promise<number> => (await history()).length;
const history = () => store.readStream(`chain-${chain.anvil.chainId}`);
const staked = async (): Promise<bigint> => (await store.state(chainDecider, `chain-${chain.anvil.chainId}`)).state.stakedFinal;

async function catchUp(follow: FollowChain): Promise<Step> {
  for (;;) {
    const step = await follow.step();
    if (!step.behind) return step;
  }
}

/** The rule under which a look ends, thrown or answered. */
async function ruleOf(follow: FollowChain): Promise<string> {
  try {
    return (await catchUp(follow)).halted?.rule ?? 'none';
  } catch (error) {
    if (error instanceof ChainTrouble) return error.rule;
    throw error;
  }
}

/** A stake that is final and has not been read. */
async function freshStake(): Promise<void> {
  const wallet = await chain.staker(`fault-${(amount += 1n)}`, 10n ** 20n);
  await chain.stake(wallet, amount);
  await chain.anvil.mine(3);
}

const block = (parts: Readonly<Record<string, unknown>>, tag: unknown = 'latest'): Bend => ({ method, params, result }) =>
  method === 'eth_getBlockByNumber' && (tag === undefined || params[0] === tag) ? { ...(result as object), ...parts } : undefined;
const logs = (change: (found: readonly Readonly<Record<string, unknown>>[]) => unknown): Bend => ({ method, result }) =>
  method === 'eth_getLogs' ? change(result as Readonly<Record<string, unknown>>[]) : undefined;
const receipts = (change: (receipt: Readonly<Record<string, unknown>>) => unknown): Bend => ({ method, result }) =>
  method === 'eth_getTransactionReceipt' ? change(result as Readonly<Record<string, unknown>>) : undefined;
const status = (code: number, headers: Readonly<Record<string, string>> = {}): Break => (response) => void response.writeHead(code, headers).end('busy');
const says = (text: string): Break => (response) => void response.setHeader('content-type', 'application/json').end(text);

const BROKEN: readonly (readonly [name: string, rule: string, answer: Break])[] = [
  ['HTML', 'answer-not-json', says('<!doctype html><title>Too many requests</title>')],
  ['half a JSON', 'answer-not-json', says('[{"jsonrpc":"2.0","id":0,"result":{"number":"0x1')],
  ['10 MB', 'answer-too-large', says(JSON.stringify([{ id: 0, result: 'f'.repeat(10_000_000) }]))],
  ['nothing in time', 'endpoint-timeout', () => undefined],
  ['half of an answer and then nothing', 'endpoint-timeout', (response) => void response.write('[{"jsonrpc"')],
  ['a closed connection', 'endpoint-unreachable', (response) => void response.destroy()],
  ['429', 'rate-limited', status(429, { 'retry-after': '7' })],
  ['a limit inside of the answer', 'rate-limited', says(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: 429, message: 'slow down' } }))],
  ['502', 'endpoint-status', status(502)],
  ['null', 'answer-malformed', says('null')],
  ['no list', 'answer-malformed', says('{"jsonrpc":"2.0","id":0,"result":"0x1"}')],
  ['answers to other questions', 'answer-malformed', says('[{"jsonrpc":"2.0","id":77,"result":"0x1"}]')],
  ['answers without a result', 'answer-malformed', says('[{"id":0},{"id":1},{"id":2}]')],
];

const BENT: readonly (readonly [name: string, rule: string, bend: Bend])[] = [
  ['a number that is a word', 'answer-malformed', block({ number: 'seven' })],
  ['a number that is a number', 'answer-malformed', block({ number: 7 })],
  ['a hash that is too short', 'answer-malformed', block({ hash: '0x12' }, 'safe')],
  ['no bloom filter', 'answer-malformed', block({ logsBloom: undefined }, 'safe')],
  ['logs that are no list', 'answer-malformed', logs(() => ({}))],
  ['a log without topics', 'answer-malformed', logs((found) => found.map((log) => ({ ...log, topics: null })))],
  ['a log with half of its data', 'answer-malformed', logs((found) => found.map((log) => ({ ...log, data: String(log['data']).slice(0, -62) })))],
  ['no head', 'missing-block', ({ method, params }) => (method === 'eth_getBlockByNumber' && params[0] === 'safe' ? null : undefined)],
  ['a final block beyond the latest', 'finality-beyond-latest', block({ number: numberToHex(1_000_000) }, 'finalized')],
  ['a final block that is none by its number', 'final-block-changed', block({ hash: OTHER_HASH }, 'finalized')],
  ['a receipt that is a word', 'answer-malformed', receipts(() => 'busy')],
  ['a receipt without logs', 'answer-malformed', receipts((receipt) => ({ ...receipt, logs: undefined }))],
  ['a total that is no number', 'answer-malformed', ({ method }) => (method === 'eth_call' ? '0x12' : undefined)],
  ['a refusal of even a single block', 'range-refused', ({ method }) => (method === 'eth_getLogs' ? new Refusal(-32_005, 'too many results') : undefined)],
  ['a lack of logs', 'totals-differ', logs((found) => found.slice(0, -1))],
  ['a block under another number', 'answer-malformed', ({ method, params, result }) => (method === 'eth_getBlockByNumber' && String(params[0]).startsWith('0x') && params[0] !== '0x0' ? { ...(result as object), number: '0x3' } : undefined)],
];

describe('an endpoint that answers', () => {
  test.each(BROKEN)('%s is %s; nothing is recorded, and it goes on by itself', async (_name, rule, answer) => {
    const follow = follower();
    await catchUp(follow);
    const [before, sum] = [await version(), await staked()];
    await freshStake();
    proxy.break(answer);
    expect(await ruleOf(follow)).toBe(rule);
    expect([await version(), await staked()]).toEqual([before, sum]);
    proxy.heal();
    expect(await ruleOf(follow)).toBe('none');
    expect(await staked()).toBe(sum + amount);
  });

  test.each(BENT)('%s is %s; nothing is recorded, and it goes on by itself', async (_name, rule, bend) => {
    const follow = follower();
    await catchUp(follow);
    const [before, sum] = [await version(), await staked()];
    await freshStake();
    proxy.bend(bend);
    expect(await ruleOf(follow)).toBe(rule);
    expect([await version(), await staked()]).toEqual([before, sum]);
    proxy.heal();
    expect(await ruleOf(follow)).toBe('none');
    expect(await staked()).toBe(sum + amount);
  });
});

test('its wish to be asked later is told', async () => {
  proxy.break(status(429, { 'retry-after': '7' }));
  await expect(follower().step()).rejects.toMatchObject({ rule: 'rate-limited', retryAfterMs: 7_000 });
  const date = new Date(1_800_000_000_000).toUTCString();
  proxy.break(status(503, { date, 'retry-after': new Date(1_800_000_090_000).toUTCString() }));
  await expect(follower().step()).rejects.toMatchObject({ rule: 'endpoint-status', retryAfterMs: 90_000 });
  proxy.break(status(429, { 'retry-after': '999999' }));
  await expect(follower().step()).rejects.toMatchObject({ retryAfterMs: 300_000 });
});

test('an endpoint of another chain, or with another genesis, is refused at the start and while it runs', async () => {
  proxy.bend(({ method }) => (method === 'eth_chainId' ? '0x1' : undefined));
  expect(await ruleOf(follower())).toBe('wrong-chain-id');
  expect(await version()).toBe(0);
  proxy.heal();
  expect(await ruleOf(follower())).toBe('none');
  const before = await version();
  proxy.bend(block({ hash: OTHER_HASH }, '0x0'));
  expect(await ruleOf(follower())).toBe('another-chain');
  expect(await version()).toBe(before);
});

test('logs that vanish from a later answer, and a latest block that goes back, are named', async () => {
  await freshStake();
  const follow = follower();
  await catchUp(follow);
  const before = await version();
  await chain.anvil.mine(1);
  proxy.bend(logs(() => []));
  expect(await ruleOf(follow)).toBe('truncated-answer');
  proxy.bend(block({ number: '0x1' }, 'latest'));
  expect(await ruleOf(follow)).toBe('finality-beyond-latest');
  proxy.bend(({ method, params, result }) => (method === 'eth_getBlockByNumber' && !String(params[0]).startsWith('0x') ? { ...(result as object), number: '0x1' } : undefined));
  expect(await ruleOf(follow)).toBe('latest-went-backwards');
  expect(await version()).toBe(before);
});

test('a contract whose code changes, or goes away, halts the chain until an operator resumes it', async () => {
  const { taskStaking } = chain.book;
  const code = (await chain.admin.reader.getCode({ address: taskStaking })) as Hex;
  await chain.anvil.mine(200);
  await catchUp(follower());
  const codes = (changed: string): Bend => ({ method, params }) => (method === 'eth_getCode' && params[0] === taskStaking ? changed : undefined);
  for (const changed of [`${code}00`, '0x']) {
    proxy.bend(codes(changed));
    const { halted, lasting } = await catchUp(follower());
    expect([halted?.rule, lasting]).toEqual(['contract-changed', true]);
    proxy.heal();
    await freshStake();
    // Also where it is as it was, and after a restart: somebody has to look.
    expect(await ruleOf(follower())).toBe('contract-changed');
    const before = await staked();
    await resume('looked at');
    expect(await ruleOf(follower())).toBe('none');
    expect(await staked()).toBe(before + amount);
  }
  expect((await history()).filter(({ type }) => type.includes('.chain.')).map(({ type }) => type.split('.')[3])).toEqual(['started', 'halted', 'resumed', 'halted', 'resumed']);
});

async function resume(reason: string): Promise<void> {
  const command = () => ({ kind: 'resume', reason, actor: 'operator' }) as const;
  const metadata = { correlationId: 'test', actor: 'operator' };
  const result = await store.execute({ decider: chainDecider, streamId: `chain-${chain.anvil.chainId}`, command, metadata });
  expect(result.ok).toBe(true);
}
