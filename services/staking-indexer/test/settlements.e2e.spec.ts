import { FederatedTaskApprovedSchema, FederatedTaskFinishedSchema, RoundSettledSchema, RoundVoidedSchema } from '@skein/contracts/federation';
import { PositionChangedSchema } from '@skein/contracts/staking';
import { federationTaskAbi, flockAbi, mintFlock, taskKey, type ChainClient } from '@skein/contracts-evm';
import { federationCaseId } from '@skein/kernel';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecidedService } from './decided-service.js';

const TOKEN = 10n ** 18n;
const STAKE = 100n * TOKEN;
const PATIENCE = { timeoutMs: 55_000 };
const [TASK, BAD] = ['0192f0c1-2b3c-7def-8123-000000000001', '0192f0c1-2b3c-7def-8123-000000000002'] as const;
const TOPIC = 'federation.round.v1';

let s: DecidedService;
let sponsor: ChainClient;
let members: ChainClient[];

const view = (functionName: string, ...args: unknown[]): Promise<unknown> => s.net.read('federationTask', federationTaskAbi, functionName, ...args);
const stakeOf = async (task: string, who: ChainClient): Promise<bigint> => ((await view('memberOf', taskKey(task), who.address)) as { stake: bigint }).stake;
const owed = async (who: ChainClient): Promise<unknown[]> => [await view('owedFlock', who.address), await view('owedGm', who.address)];
const step = (task: string, what: string): string => `federatedTasks/${task}/${what}`;
const slash = (who: ChainClient, units: bigint) => ({ node: s.caip(who.address), units: units.toString(), reason: 'outlier' });
const slashId = (round: number, who: ChainClient): string => federationCaseId(TASK, round, s.caip(who.address));
const pay = (who: ChainClient, flock: bigint, gm: bigint) => ({ node: s.caip(who.address), units: (flock + gm).toString(), flockUnits: flock.toString(), gmFlockUnits: gm.toString() });

/** Approved, funded with 1 000 FLOCK, joined by three members. */
async function begin(task: string): Promise<void> {
  const latestEndMs = ((await s.net.admin.reader.getBlock()).timestamp + 10_000n) * 1000n;
  const terms = { creator: s.caip(sponsor.address), rounds: 2, slashBps: 1_000, stakeThresholdUnits: (50n * TOKEN).toString(), latestEndMs };
  await s.tell(TOPIC, 'skein.federation.task.approved.v1', FederatedTaskApprovedSchema, { task: `federatedTasks/${task}`, ...terms });
  await s.intent(step(task, 'creation'), { status: 'settled' });
  await mintFlock(s.net.admin, s.net.book, sponsor.address, 1_000n * TOKEN);
  await s.net.call(sponsor, 'flock', flockAbi, 'approve', s.net.book.federationTask, 1_000n * TOKEN);
  await s.net.call(sponsor, 'federationTask', federationTaskAbi, 'fund', taskKey(task), 1_000n * TOKEN);
  for (const member of members) {
    await s.net.hold(member, STAKE, s.net.book.federationTask);
    await s.net.call(member, 'federationTask', federationTaskAbi, 'join', taskKey(task), STAKE);
  }
}

beforeAll(async () => {
  s = await DecidedService.start({ epochSeconds: 86_400n });
  sponsor = await s.net.client('sponsor');
  members = [await s.net.client('m1'), await s.net.client('m2'), await s.net.client('m3')];
  await begin(TASK);
}, 90_000);
afterAll(() => s?.close());

test('a settled round is settled on chain to the unit, in both tokens; each slash comes back with its case', async () => {
  const [a, b, c] = members as [ChainClient, ChainClient, ChainClient];
  const half = TOKEN / 2n;
  await s.tell(TOPIC, 'skein.federation.round.settled.v1', RoundSettledSchema, {
    task: `federatedTasks/${TASK}`, round: 1, outcome: 'accepted', slashes: [slash(c, 10n * TOKEN)], caller: s.caip(a.address), callerUnits: TOKEN.toString(),
    payments: [pay(b, 250n * TOKEN + 1n, 2n * TOKEN), pay(a, 250n * TOKEN, 2n * TOKEN + half)], poolLeftUnits: (504n * TOKEN + half - 1n).toString(), poolLeftGmFlockUnits: (4n * TOKEN + half).toString(),
  });
  await s.intent(step(TASK, 'rounds/0/settlement'), { status: 'settled' });
  expect(await view('stateOf', taskKey(TASK))).toMatchObject({ round: 1, roundOpen: false, poolFlock: 500n * TOKEN - 1n, poolGm: 4n * TOKEN + half });
  expect([await owed(a), await owed(b), await owed(c), await stakeOf(TASK, c)]).toEqual([[250n * TOKEN, 3n * TOKEN + half], [250n * TOKEN + 1n, 2n * TOKEN], [0n, 0n], 90n * TOKEN]);
  const cause = { kind: 'federation-slashed', caseId: slashId(1, c), task: `tasks/${TASK}` };
  await eventually(async () => expect(s.told('skein.staking.position.changed.v1', PositionChangedSchema).filter((told) => told.cause?.kind === 'federation-slashed')).toMatchObject([
    { wallet: s.caip(c.address), cause, stakes: [{ task: `tasks/${TASK}`, role: 'participant', units: (90n * TOKEN).toString() }] },
  ]), PATIENCE);
});

test('a void round is settled too, and what is left goes back to the sponsor in both tokens', async () => {
  const [a, b] = members as [ChainClient, ChainClient];
  await s.tell(TOPIC, 'skein.federation.round.voided.v1', RoundVoidedSchema, {
    task: `federatedTasks/${TASK}`, round: 2, reason: 'no-vote', slashes: [slash(b, 5n * TOKEN), slash(a, 0n)], callerUnits: '0', poolLeftUnits: '0', poolLeftGmFlockUnits: '0',
  });
  await s.tell(TOPIC, 'skein.federation.model.exported.v1', FederatedTaskFinishedSchema, { task: `federatedTasks/${TASK}`, poolLeftUnits: '0', poolLeftGmFlockUnits: '0' });
  await s.intent(step(TASK, 'end'), { status: 'settled' });
  expect([await stakeOf(TASK, a), await stakeOf(TASK, b)]).toEqual([STAKE, 95n * TOKEN]);
  expect(await owed(sponsor)).toEqual([500n * TOKEN - 1n, 9n * TOKEN + TOKEN / 2n]);
  const cases = () => s.told('skein.staking.position.changed.v1', PositionChangedSchema).flatMap(({ cause }) => (cause?.kind === 'federation-slashed' ? [cause.caseId] : []));
  await eventually(async () => expect(cases()).toEqual([slashId(1, members[2]!), slashId(2, b)]), PATIENCE);
});

test('what the contract does not let a settlement do is refused by name and changes nothing', async () => {
  await begin(BAD);
  const [a, , c] = members as [ChainClient, ChainClient, ChainClient];
  const state = async () => [await view('stateOf', taskKey(BAD)), await stakeOf(BAD, c), await owed(a)];
  const settled = (more: object) => s.tell(TOPIC, 'skein.federation.round.settled.v1', RoundSettledSchema, {
    task: `federatedTasks/${BAD}`, round: 1, outcome: 'accepted', poolLeftUnits: '0', poolLeftGmFlockUnits: '0', slashes: [], payments: [], ...more,
  });
  const above = 10n * TOKEN + 1n;
  await settled({ slashes: [slash(c, above)] });
  await s.intent(step(BAD, 'rounds/0/opening'), { status: 'settled' });
  const before = await state();
  await s.intent(step(BAD, 'rounds/0/settlement'), { status: 'parked', reason: expect.stringContaining('SlashTooHigh') });
  // Settled otherwise: kept with its reason, for the round has been decided.
  await settled({ payments: [pay(a, 1n, 0n)] });
  const held = async () => (await s.outbox.listIntents({ status: 'parked', pageSize: 200 })).intents.filter(({ kind }) => kind === 'hold-decision');
  await eventually(async () => expect(await held()).toMatchObject([{ reason: expect.stringContaining('intent-decided-otherwise') }]), PATIENCE);
  expect(await state()).toEqual(before);
});

test('what was told before payments said how they divide is not for the chain', async () => {
  const old = '0192f0c1-2b3c-7def-8123-000000000003';
  const at = { task: `federatedTasks/${old}`, round: 1 };
  await s.tell(TOPIC, 'skein.federation.task.approved.v1', FederatedTaskApprovedSchema, { task: at.task, creator: s.caip(sponsor.address), rounds: 2 });
  await s.tell(TOPIC, 'skein.federation.round.settled.v1', RoundSettledSchema, { ...at, outcome: 'accepted', payments: [{ node: s.caip(sponsor.address), units: '5' }] });
  await s.tell(TOPIC, 'skein.federation.round.settled.v1', RoundSettledSchema, { task: `federatedTasks/${BAD}`, round: 2, outcome: 'accepted', poolLeftUnits: '0', poolLeftGmFlockUnits: '0' });
  await s.intent(step(BAD, 'rounds/1/settlement'), { status: 'parked', reason: expect.stringContaining('WrongRound') });
  expect((await s.outbox.listIntents({ pageSize: 200 })).intents.filter(({ intent }) => intent.includes(old))).toEqual([]);
});
