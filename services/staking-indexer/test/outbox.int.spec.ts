import { encodeAbiParameters } from 'viem';
import { federationTaskAbi, mined, rewardsAbi, rewardsTree, AT_ONCE, roleNumber, taskKey, taskStakingAbi, type Grant } from '@skein/contracts-evm';
import { EventStore, eventsMigrations } from '@skein/events';
import { FakeClock, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OutboxDesk } from '../src/application/outbox/outbox-desk.js';
import { OutboxStore } from '../src/application/outbox/outbox-store.js';
import { RunOutbox } from '../src/application/outbox/run-outbox.js';
import { intentId, type Intent } from '../src/domain/outbox/intent.js';
import { RpcTransactionChain } from '../src/infrastructure/outbox-chain.js';
import { keyFileSigner } from '../src/infrastructure/signer-key.js';
import { OutboxNet } from './outbox-net.js';

const TOKEN = 10n ** 18n;
const origin = { metadata: { correlationId: 'test', actor: 'test' } };

let net: OutboxNet;
let database: TestDatabase;
let store: EventStore;
let outbox: OutboxStore;
let desk: OutboxDesk;
let run: RunOutbox;
const clock = new FakeClock();
let tasks = 0;

beforeAll(async () => {
  net = await OutboxNet.start({ epochSeconds: 60n });
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
  outbox = new OutboxStore(store, net.book.chainId);
  desk = new OutboxDesk(outbox);
  run = again();
});
afterAll(async () => {
  await store.close();
  await database.drop();
  await net.stop();
});

const again = (keyFile = net.keyFile): RunOutbox =>
  new RunOutbox(outbox, { chainId: net.book.chainId, contracts: net.book, signer: keyFileSigner(keyFile), chain: new RpcTransactionChain(net.anvil), clock });

const accept = (intent: Intent) => desk.accept(intent, origin);
const open = async (): Promise<string[]> => (await outbox.state()).open.map(({ id }) => id);
const now = async (): Promise<bigint> => (await net.admin.reader.getBlock()).timestamp;

async function passes(count: number): Promise<void> {
  for (let pass = 0; pass < count; pass += 1) {
    await run.step();
    await net.anvil.mine(1);
    clock.advance(10_000);
  }
  await run.step();
}

async function newTask(): Promise<string> {
  tasks += 1;
  const taskId = `0192f0c1-2b3c-7def-8123-${String(tasks).padStart(12, '0')}`;
  await accept({ kind: 'open-task', taskId, latestEnd: (await now()) + 86_400n });
  await passes(3);
  return taskId;
}

const eventsOf = async (intent: Intent) =>
  (await store.readStream(outbox.streamId)).filter(({ data }) => (data as { id?: string }).id === intentId(intent)).map(({ type, data }) => ({ type: type.split('.').slice(2, 4).join('.'), data: data as Record<string, unknown> }));

test('an intent is accepted once for ever: the same again is the same answer, also when it is over', async () => {
  const taskId = await newTask();
  const intent: Intent = { kind: 'fix-vesting', taskId, start: await now(), duration: 5n };
  expect(await accept(intent)).toEqual({ ok: true, value: `tasks/${taskId}/vesting` });
  await passes(3);
  expect(await open()).toEqual([]);
  expect(await accept({ ...intent })).toEqual({ ok: true, value: `tasks/${taskId}/vesting` });
  expect(await open()).toEqual([]);
  expect(await accept({ ...intent, duration: 6n })).toMatchObject({ ok: false, error: { code: 'conflict', rule: 'intent-decided-otherwise' } });
});

test('a refusal by the contract is parked by its custom error, does not block, and heals by itself', async () => {
  const [taskId, other] = [await newTask(), await newTask()];
  const early: Intent = { kind: 'finish-task', taskId };
  await accept(early);
  await accept({ kind: 'end-final-validation', taskId: other });
  await passes(3);
  expect(await open()).toEqual([intentId(early)]);
  expect(await eventsOf(early)).toMatchObject([{ type: 'intent.accepted' }, { type: 'intent.parked', data: { refusal: { error: 'FinalRewardPending', message: `FinalRewardPending(${taskKey(taskId)})` } } }]);
  await accept({ kind: 'fix-vesting', taskId, start: await now(), duration: 5n });
  clock.advance(300_000);
  await passes(6);
  clock.advance(300_000);
  await passes(6);
  expect(await open()).toEqual([]);
});

test('bytes are stored before they are sent, and sent again as they are after a reorg and a restart', async () => {
  const taskId = await newTask();
  await net.automine(false);
  const intent: Intent = { kind: 'end-final-validation', taskId };
  await accept(intent);
  await run.step();
  const [, signed] = await eventsOf(intent);
  expect(signed).toMatchObject({ type: 'transaction.signed' });
  await net.devnet('anvil_dropAllTransactions');
  run = again();
  await passes(1);
  await net.anvil.mine(1);
  await net.devnet('anvil_rollback', 1);
  await net.devnet('anvil_dropAllTransactions');
  clock.advance(20_000);
  await passes(4);
  await net.automine(true);
  expect((await eventsOf(intent)).map(({ type }) => type)).toEqual(['intent.accepted', 'transaction.signed', 'intent.settled']);
  expect(await open()).toEqual([]);
});

test('a stuck transaction is replaced at its nonce with higher fees, and one of the two is mined', async () => {
  const taskId = await newTask();
  await net.automine(false);
  const intent: Intent = { kind: 'end-final-validation', taskId };
  const before = await net.sent();
  await accept(intent);
  await run.step();
  clock.advance(61_000);
  await run.step();
  await net.automine(true);
  await passes(4);
  const events = await eventsOf(intent);
  expect(events.map(({ type }) => type)).toEqual(['intent.accepted', 'transaction.signed', 'transaction.signed', 'intent.settled']);
  const [first, second] = events.slice(1).map(({ data }) => data as { nonce: number; transaction: { call: string; feeMax: bigint; tipMax: bigint } });
  expect([first!.nonce, first!.transaction.call]).toEqual([second!.nonce, second!.transaction.call]);
  expect([second!.transaction.feeMax * 10n >= first!.transaction.feeMax * 11n, second!.transaction.tipMax * 10n >= first!.transaction.tipMax * 11n]).toEqual([true, true]);
  expect(await net.sent()).toBe(before + 1);
});

test('what the operator did by hand is adopted; what it did otherwise freezes the outbox with the difference, until the thaw', async () => {
  const [same, other] = [await newTask(), await newTask()];
  const start = await now();
  const byHand = async (task: string, duration: number): Promise<void> => {
    await net.grant('rewards', 'OPERATOR_ROLE');
    await net.call(net.admin, 'rewards', rewardsAbi, 'fixVesting', taskKey(task), Number(start), duration);
    await net.anvil.mine(3);
  };
  await byHand(same, 5);
  await byHand(other, 6);
  const sent = await net.sent();
  await accept({ kind: 'fix-vesting', taskId: same, start, duration: 5n });
  const wrong: Intent = { kind: 'fix-vesting', taskId: other, start, duration: 5n };
  await accept(wrong);
  await passes(1);
  expect((await eventsOf({ kind: 'fix-vesting', taskId: same, start, duration: 5n })).at(-1)).toMatchObject({ type: 'intent.settled', data: { how: 'adopted' } });
  expect((await eventsOf(wrong)).at(-1)).toMatchObject({ type: 'intent.contradicted', data: { difference: 'duration is 6 on chain, 5 was decided' } });
  expect(await net.sent()).toBe(sent);
  await accept({ kind: 'finish-task', taskId: same });
  await passes(3);
  expect(await open()).toHaveLength(1);
  expect(await run.thaw()).toMatchObject({ ok: true });
  await passes(4);
  expect(await open()).toEqual([]);
});

test('a root that the outbox posts pays every grant of its tree, and a repeat pays nothing', async () => {
  const epoch = await net.read('rewards', rewardsAbi, 'currentEpoch') as bigint;
  await net.time.increaseTime({ seconds: 60 });
  await net.anvil.mine(3);
  await accept({ kind: 'mint-epoch', epoch });
  await passes(4);
  const grants = Array.from({ length: 5 }, (_, at): Grant => ({ account: `0x${String(at + 1).repeat(40)}`, stream: AT_ONCE, total: BigInt(at + 1) * 1000n, start: 0n, duration: 0n }));
  const tree = rewardsTree({ chainId: net.book.chainId, rewards: net.book.rewards }, grants);
  await accept({ kind: 'post-root', epoch, revision: 0, root: tree.root, sum: tree.sum });
  await passes(4);
  expect(await open()).toEqual([]);
  await net.time.increaseTime({ seconds: 60 });
  await net.anvil.mine(1);
  const anyone = await net.client('anyone');
  const claim = (grant: Grant) =>
    anyone.wallet.writeContract({ address: net.book.rewards, abi: rewardsAbi, functionName: 'claim', args: [epoch, grant, tree.proofOf(grant)!] });
  for (const grant of grants) {
    expect(await net.read('rewards', rewardsAbi, 'leafOf', grant)).toMatch(/^0x[0-9a-f]{64}$/);
    await mined(anyone, await claim(grant));
    expect(await net.read('rewards', rewardsAbi, 'paid', grant.account, AT_ONCE)).toBe(grant.total);
  }
  await expect(claim(grants[0]!)).rejects.toThrow('NothingToClaim');
  const stranger = { ...grants[0]!, total: 9n };
  await expect(anyone.wallet.writeContract({ address: net.book.rewards, abi: rewardsAbi, functionName: 'claim', args: [epoch, stranger, tree.proofOf(grants[0]!)!] })).rejects.toThrow('InvalidProof');
});

test('a round settled by hand is compared wallet by wallet; so is what a slash was called with', async () => {
  const taskId = await newTask();
  const members = [await net.client('member-a'), await net.client('member-b')].sort((a, b) => (a.address < b.address ? -1 : 1));
  for (const member of members) await net.hold(member, 10n * TOKEN, net.book.federationTask);
  await accept({ kind: 'create-federation', taskId, sponsor: net.admin.address, latestEnd: (await now()) + 86_400n, rounds: 2, slashBps: 1000, threshold: TOKEN });
  await passes(3);
  for (const member of members) await net.call(member, 'federationTask', federationTaskAbi, 'join', taskKey(taskId), 10n * TOKEN);
  await accept({ kind: 'open-round', taskId, round: 0 });
  await passes(3);
  await net.grant('federationTask', 'OPERATOR_ROLE');
  const caller = members[1]!.address;
  const slash = (amount: bigint) => [{ wallet: members[0]!.address, amount }];
  await net.call(net.admin, 'federationTask', federationTaskAbi, 'settle', taskKey(taskId), 0, caller, slash(TOKEN), []);
  await net.anvil.mine(3);
  const settle = (round: number, amount: bigint): Intent => ({ kind: 'settle-round', taskId, round, caller, slashes: slash(amount), pays: [] });
  await accept(settle(0, TOKEN));
  await passes(1);
  expect((await eventsOf(settle(0, TOKEN))).at(-1)).toMatchObject({ type: 'intent.settled', data: { how: 'adopted' } });
  await accept({ kind: 'open-round', taskId, round: 1 });
  await passes(3);
  await net.call(net.admin, 'federationTask', federationTaskAbi, 'settle', taskKey(taskId), 1, caller, slash(TOKEN / 2n), []);
  await net.anvil.mine(3);
  await accept(settle(1, TOKEN / 4n));
  await passes(1);
  const difference = `slashes is ${members[0]!.address}:${TOKEN / 2n} on chain, ${members[0]!.address}:${TOKEN / 4n} was decided`;
  expect((await eventsOf(settle(1, TOKEN / 4n))).at(-1)).toMatchObject({ type: 'intent.contradicted', data: { difference } });
  expect(await run.thaw()).toMatchObject({ ok: true });
});

test('a case’s notice and its slash reach the chain once; a dismissal of the same case is refused by name', async () => {
  const taskId = await newTask();
  const staker = await net.client('accused');
  await net.hold(staker, 10n * TOKEN, net.book.taskStaking);
  await net.call(staker, 'taskStaking', taskStakingAbi, 'stake', taskKey(taskId), roleNumber('node'), 10n * TOKEN);
  const caseId = encodeAbiParameters([{ type: 'uint256' }], [77n]);
  const nobody = `0x${'0'.repeat(40)}`;
  await accept({ kind: 'open-case', caseId, taskId, role: 'node', wallet: staker.address, reporter: nobody, cap: 3n * TOKEN, evidence: caseId });
  await accept({ kind: 'slash', caseId, amount: 2n * TOKEN });
  await passes(8);
  expect(await accept({ kind: 'dismiss-case', caseId })).toMatchObject({ ok: false, error: { rule: 'intent-decided-otherwise' } });
  expect(await open()).toEqual([]);
  expect(await net.read('taskStaking', taskStakingAbi, 'stakeOf', taskKey(taskId), roleNumber('node'), staker.address)).toBe(8n * TOKEN);
  await net.grant('taskStaking', 'CASE_ROLE');
  const other = encodeAbiParameters([{ type: 'uint256' }], [78n]);
  await accept({ kind: 'open-case', caseId: other, taskId, role: 'node', wallet: staker.address, reporter: nobody, cap: 3n * TOKEN, evidence: caseId });
  await passes(4);
  await net.call(net.admin, 'taskStaking', taskStakingAbi, 'slash', other, TOKEN);
  await net.anvil.mine(3);
  await accept({ kind: 'slash', caseId: other, amount: 2n * TOKEN });
  await passes(1);
  expect((await eventsOf({ kind: 'slash', caseId: other, amount: 2n * TOKEN })).at(-1)).toMatchObject({ data: { difference: `the slash took ${TOKEN} on chain, ${2n * TOKEN} was decided` } });
  expect(await run.thaw()).toMatchObject({ ok: true });
});

test('a task that was cancelled by hand is not taken for one that is finished, nor the other way round', async () => {
  const [cancelled, finished] = [await newTask(), await newTask()];
  await net.grant('taskStaking', 'OPERATOR_ROLE');
  for (const [task, how] of [[cancelled, 'cancelTask'], [finished, 'finishTask']] as const) {
    if (how === 'finishTask') await net.call(net.admin, 'rewards', rewardsAbi, 'fixVesting', taskKey(task), Number(await now()), 5);
    await net.call(net.admin, 'taskStaking', taskStakingAbi, how, taskKey(task));
  }
  await net.anvil.mine(3);
  const sent = await net.sent();
  const wanted: Intent[] = [{ kind: 'finish-task', taskId: cancelled }, { kind: 'cancel-task', taskId: finished }];
  for (const intent of wanted) {
    await accept(intent);
    await passes(1);
    expect((await eventsOf(intent)).at(-1)).toMatchObject({ type: 'intent.contradicted', data: { difference: expect.stringMatching(/^the task is (finished|cancelled) on chain, (finished|cancelled) was decided$/) } });
    expect(await run.thaw()).toMatchObject({ ok: true });
  }
  expect(await net.sent()).toBe(sent);
});

test('another key takes over behind what the first one has under way, and neither has a gap', async () => {
  const [first, second] = [await newTask(), await newTask()];
  const next = await net.client('second-signer');
  await net.grant('taskStaking', 'OPERATOR_ROLE', next.address);
  await net.automine(false);
  const early: Intent = { kind: 'end-final-validation', taskId: first };
  await accept(early);
  await run.step();
  await net.devnet('anvil_dropAllTransactions');
  run = again(net.keyFileOf('second-signer'));
  const late: Intent = { kind: 'end-final-validation', taskId: second };
  await accept(late);
  expect((await run.step()).troubles).toMatchObject([{ rule: 'signer-under-way' }]);
  expect((await eventsOf(late)).map(({ type }) => type)).toEqual(['intent.accepted']);
  await passes(10);
  await net.automine(true);
  for (const intent of [early, late]) expect((await eventsOf(intent)).map(({ type }) => type)).toEqual(['intent.accepted', 'transaction.signed', 'intent.settled']);
  expect(await net.admin.reader.getTransactionCount({ address: next.address })).toBe(1);
  expect((await outbox.state()).frozen).toBeUndefined();
});
