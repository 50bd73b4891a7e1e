import { CaseDecidedSchema, CaseDismissedSchema, CaseOpenedSchema, TaskCancelledSchema, TaskOpenedSchema } from '@skein/contracts/arena';
import { CaseChangedSchema, PositionChangedSchema } from '@skein/contracts/staking';
import { delegationPoolAbi, poolManagerAbi, roleNumber, taskKey, taskStakingAbi, type ChainClient } from '@skein/contracts-evm';
import { eventually } from '@skein/testing';
import type { Address } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecidedService } from './decided-service.js';

const TOKEN = 10n ** 18n;
const HOUR = 3_600;
const PATIENCE = { timeoutMs: 55_000 };
const [TASK, OVER] = ['0192f0c1-2b3c-7def-8123-000000000001', '0192f0c1-2b3c-7def-8123-000000000002'] as const;
const caseId = (digit: string): string => `0x${digit.repeat(64)}`;
const EVIDENCE = 'ee'.repeat(32);
const CAP = 600n * TOKEN;

let s: DecidedService;
let [node, ann, bob, rita]: ChainClient[] = [];
let pool: Address;

const staked = (task: string = TASK): Promise<unknown> => s.net.read('taskStaking', taskStakingAbi, 'stakeOf', taskKey(task), roleNumber('node'), node!.address);
const inPool = (functionName: string, ...args: unknown[]): Promise<unknown> => s.net.admin.reader.readContract({ address: pool, abi: delegationPoolAbi, functionName, args } as never);
const onChain = (id: string): Promise<unknown> => s.net.read('taskStaking', taskStakingAbi, 'caseOf', id);
const noticesOf = async (who: ChainClient, id: string) => (await s.api.listNotices({ delegator: s.caip(who.address) })).notices.filter((notice) => notice.caseId === id);
const facts = (id: string, task: string = TASK) => ({ caseId: id, task: `tasks/${task}`, role: 'node', wallet: s.caip(node!.address), reporter: s.caip(rita!.address), evidenceSha256: EVIDENCE, rule: 'proven-copy' });
const opened = (id: string, cap: bigint, task?: string) => s.tell('arena.case.v1', 'skein.arena.case.opened.v1', CaseOpenedSchema, { ...facts(id, task), capUnits: cap.toString() });
const decided = (id: string, units: bigint, task?: string) => s.tell('arena.case.v1', 'skein.arena.case.decided.v1', CaseDecidedSchema, { ...facts(id, task), units: units.toString() });

async function delegate(who: ChainClient, amount: bigint): Promise<void> {
  await s.net.hold(who, amount, pool);
  await who.reader.waitForTransactionReceipt({ hash: await who.wallet.writeContract({ address: pool, abi: delegationPoolAbi, functionName: 'delegate', args: [amount] } as never) });
}

async function stake(task: string, amount: bigint): Promise<void> {
  const end = (await s.net.admin.reader.getBlock()).timestamp + 100_000n;
  await s.tell('arena.task.v1', 'skein.arena.task.opened.v1', TaskOpenedSchema, { task: `tasks/${task}`, latestEndMs: end * 1000n });
  await s.intent(`tasks/${task}/opening`, { status: 'settled' });
  await s.net.hold(node!, amount, s.net.book.taskStaking);
  await s.net.call(node!, 'taskStaking', taskStakingAbi, 'stake', taskKey(task), roleNumber('node'), amount);
}

/** A node with 2 000 of its own, to which two delegators lend 3 000 and 1 000. */
beforeAll(async () => {
  s = await DecidedService.start({ epochSeconds: BigInt(HOUR), appealSeconds: BigInt(HOUR), unbondingSeconds: 60n });
  [node, ann, bob, rita] = [await s.net.client('node'), await s.net.client('ann'), await s.net.client('bob'), await s.net.client('rita')];
  await stake(TASK, 2_000n * TOKEN);
  await s.net.call(node!, 'poolManager', poolManagerAbi, 'createPool', 250_000);
  pool = ((await s.net.read('poolManager', poolManagerAbi, 'poolOf', node!.address)) as string).toLowerCase() as Address;
  await delegate(ann!, 3_000n * TOKEN);
  await delegate(bob!, 1_000n * TOKEN);
  await s.net.time.increaseTime({ seconds: 3 * HOUR });
  await s.net.anvil.mine(1);
}, 90_000);
afterAll(() => s?.close());

test('a case’s notice freezes, and each delegator sees what it threatens and why', async () => {
  await opened(caseId('a'), CAP);
  await s.intent(`cases/${caseId('a')}/notice`, { status: 'settled' });
  expect(await onChain(caseId('a'))).toMatchObject({ status: 1, cap: CAP, own: 2_000n * TOKEN, counted: 6_000n * TOKEN });
  await eventually(async () => expect(await noticesOf(ann!, caseId('a'))).toMatchObject([
    { pool, accused: s.caip(node!.address), evidence: `0x${EVIDENCE}`, rule: 'proven-copy', status: 'open', beforeUnits: String(3_000n * TOKEN), lostUnits: '0' },
  ]), PATIENCE);
});

test('the decided slash waits for the appeal on chain, happens once, and comes back with its case: to deciders, and to delegators with what it took', async () => {
  const id = caseId('a');
  await decided(id, CAP);
  await s.intent(`cases/${id}/end`, { status: 'parked', reason: expect.stringContaining('AppealOpen') });
  expect(await staked()).toBe(2_000n * TOKEN);
  await s.net.time.increaseTime({ seconds: HOUR });
  await s.intent(`cases/${id}/end`, { status: 'settled' });
  expect([await staked(), await inPool('total'), await onChain(id)]).toMatchObject([1_800n * TOKEN, 3_600n * TOKEN, { status: 2 }]);
  const taken = { caseId: id, accused: s.caip(node!.address), status: 'slashed', fromOwnerUnits: String(200n * TOKEN), fromPoolUnits: String(400n * TOKEN), toReporterUnits: String(60n * TOKEN) };
  await eventually(async () => expect(s.told('skein.staking.case.changed.v1', CaseChangedSchema).filter(({ status }) => status === 'slashed')).toMatchObject([taken]), PATIENCE);
  const left = s.told('skein.staking.position.changed.v1', PositionChangedSchema).filter(({ cause }) => cause?.caseId === id);
  expect(left).toMatchObject([{ wallet: s.caip(node!.address), cause: { kind: 'slashed', task: `tasks/${TASK}` }, stakes: [{ units: String(1_800n * TOKEN) }] }]);
  await eventually(async () => expect(await noticesOf(ann!, id)).toMatchObject([{ status: 'slashed', rule: 'proven-copy', beforeUnits: String(3_000n * TOKEN), lostUnits: String(300n * TOKEN) }]), PATIENCE);
  expect(await noticesOf(bob!, id)).toMatchObject([{ status: 'slashed', beforeUnits: String(1_000n * TOKEN), lostUnits: String(100n * TOKEN) }]);
  const rest = await fetch(`http://127.0.0.1:${s.service.http.port}/staking/v1/notices?delegator=${encodeURIComponent(s.caip(bob!.address))}`);
  expect(await rest.json()).toMatchObject({ notices: [{ caseId: id, status: 'slashed', rule: 'proven-copy', lostUnits: String(100n * TOKEN) }] });
});

const state = async () => [await staked(), await inPool('total'), await inPool('principalIndex'), await s.net.read('taskStaking', taskStakingAbi, 'grandTotal')];

test('a second slash for one case, and its dismissal, are refused by name, and nothing changes', async () => {
  const [before, sent] = [await state(), await s.net.sent()];
  await decided(caseId('a'), CAP);
  await decided(caseId('a'), 1n);
  const held = async () => (await s.outbox.listIntents({ status: 'parked', pageSize: 200 })).intents.filter(({ kind }) => kind === 'hold-decision');
  await eventually(async () => expect(await held()).toMatchObject([{ reason: expect.stringContaining('intent-decided-otherwise') }]), PATIENCE);
  await s.tell('arena.case.v1', 'skein.arena.case.dismissed.v1', CaseDismissedSchema, { ...facts(caseId('a')), reason: 'too late', decided: true });
  await eventually(async () => expect(await held()).toContainEqual(expect.objectContaining({ reason: expect.stringContaining('slash-under-way') })), PATIENCE);
  expect(await state()).toEqual(before);
  expect(await s.net.sent()).toBe(sent);
});

test('a slash above its case’s cap is refused by name; dismissed, the case ends on chain without one', async () => {
  const [id, before] = [caseId('b'), await state()];
  await opened(id, 10n);
  await s.intent(`cases/${id}/notice`, { status: 'settled' });
  await s.net.time.increaseTime({ seconds: HOUR });
  await decided(id, 11n);
  await s.intent(`cases/${id}/end`, { status: 'parked', reason: `AboveCap(${id}, 11, 10)` });
  await s.tell('arena.case.v1', 'skein.arena.case.dismissed.v1', CaseDismissedSchema, { ...facts(id), reason: 'above the cap', decided: true });
  await s.intent(`cases/${id}/end/revisions/1`, { status: 'settled' });
  expect([await onChain(id), await state()]).toMatchObject([{ status: 3 }, before]);
  await eventually(async () => expect(s.told('skein.staking.case.changed.v1', CaseChangedSchema).filter((told) => told.caseId === id).map(({ status }) => status)).toEqual(['opened', 'dismissed']), PATIENCE);
  const told = async (who: ChainClient): Promise<unknown[]> => (await noticesOf(who, id)).map(({ status, beforeUnits, lostUnits }) => [status, beforeUnits, lostUnits]);
  await eventually(async () => expect(await told(ann!)).toEqual([['dismissed', String(2_700n * TOKEN), '0']]), PATIENCE);
  // Whoever came after it is told nothing of it.
  await delegate(rita!, 5n * TOKEN);
  await eventually(async () => expect((await s.api.listDelegations({ delegator: s.caip(rita!.address) })).delegations).toHaveLength(1), PATIENCE);
  expect(await told(rita!)).toEqual([]);
});

test('an unbonded stake is slashed no more, and a wallet without a stake never: refused by name', async () => {
  await stake(OVER, 500n * TOKEN);
  await s.tell('arena.task.v1', 'skein.arena.task.cancelled.v1', TaskCancelledSchema, { task: `tasks/${OVER}` });
  await s.intent(`tasks/${OVER}/end`, { status: 'settled' });
  await s.net.time.increaseTime({ seconds: HOUR });
  await s.net.anvil.mine(1);
  const [before, [over, nobody]] = [await state(), [caseId('c'), caseId('d')]];
  await opened(over, 50n, OVER);
  await decided(over, 50n, OVER);
  await s.intent(`cases/${over}/notice`, { status: 'parked', reason: expect.stringContaining('StakeUnbonded') });
  await s.intent(`cases/${over}/end`, { status: 'parked', reason: expect.stringContaining('CaseNotOpen') });
  await s.tell('arena.case.v1', 'skein.arena.case.opened.v1', CaseOpenedSchema, { ...facts(nobody), wallet: s.caip(rita!.address), reporter: '', capUnits: '5' });
  await s.intent(`cases/${nobody}/notice`, { status: 'parked', reason: expect.stringContaining('NothingStaked') });
  expect([await state(), await staked(OVER), await onChain(over)]).toMatchObject([before, 500n * TOKEN, { status: 0 }]);
  // Nothing of it was sent, so nothing has to be undone on chain.
  await s.tell('arena.case.v1', 'skein.arena.case.dismissed.v1', CaseDismissedSchema, { ...facts(over, OVER), reason: 'unbonded', decided: true });
  await s.intent(`cases/${over}/notice`, { status: 'withdrawn' });
  await s.intent(`cases/${over}/end`, { status: 'withdrawn' });
});
