import { balancesOf, lockFlock } from '@skein/contracts-evm';
import { TaskService } from '@skein/contracts/arena';
import { BillingService } from '@skein/contracts/billing';
import { FederatedTaskService, FederationNodeService } from '@skein/contracts/federation';
import { MarketplaceService } from '@skein/contracts/marketplace';
import { StakingService } from '@skein/contracts/staking';
import { ValidatorService, VerdictService } from '@skein/contracts/validation';
import type { ServiceName } from '@skein/platform';
import { createClient } from '@skein/sdk';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../../scripts/src/demo/actor.js';
import { CONTEXTS } from '../src/paths.js';
import { SERVICE_NAMES } from '../src/ports.js';
import { ArenaPlay, closePeople, peopleOf } from './support/arena-play.js';
import { approveFederation, proposeFederation } from './support/federation-play.js';
import { apiKey, buyCredit, customerOf, deploy, infer, listModel } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';

const WAIT = { timeoutMs: 30_000, everyMs: 50 };
const LOCK = { amount: 40n * 10n ** 18n, lockSeconds: 90n * 86_400n };
const MODEL = 'apart';

let s: TestSkein;
let play: ArenaPlay;
let saver: Actor;
let members: readonly Actor[];
let partner: Actor;
let secondTask: string;
let federated: string;
let version: string;
let customer: string;
let key: string;
let owner: Actor;

/** What a service must still do while another one is closed. `command` gets a label that makes its key. */
interface Probe {
  /** REST path of a query, at the front. */
  path(): string;
  query(): Promise<unknown>;
  command(label: string): Promise<unknown>;
}

const gmOf = async (actor: Actor): Promise<bigint> => BigInt((await partner.client(StakingService, 'staking-indexer').getPosition({ wallet: actor.wallet })).lockSummary?.gmFlockUnits || '0');
const onChain = async (actor: Actor): Promise<bigint> => (await balancesOf(actor.chain, s.book, actor.chain.address)).gmFlock;

/** The staking indexer takes its commands from the chain: a lock there becomes a position here. */
async function lockIsSeen(): Promise<void> {
  await lockFlock(saver.chain, s.book, LOCK);
  const gm = await onChain(saver);
  await eventually(async () => expect(await gmOf(saver)).toBe(gm), WAIT);
}

const probes: Readonly<Record<ServiceName, Probe>> = {
  arena: { path: () => '/arena/v1/tasks', query: () => partner.client(TaskService, 'arena').getTask({ name: secondTask }), command: (label) => play.propose(`while apart ${label}`) },
  validation: {
    path: () => `/validation/v1/verdicts?task=${secondTask}`,
    query: () => partner.client(VerdictService, 'validation').listVerdicts({ task: secondTask, pageSize: 10 }),
    command: (label) => partner.client(ValidatorService, 'validation').setManaged({ requestId: partner.requestId(`managed ${label}`), managed: label.length % 2 === 0 }),
  },
  'fl-aggregator': {
    path: () => '/federation/v1/federatedTasks',
    query: () => partner.client(FederatedTaskService, 'fl-aggregator').getFederatedTask({ name: federated }),
    command: (label) => proposeFederation(partner, label),
  },
  'staking-indexer': { path: () => '/staking/v1/totals', query: () => partner.client(StakingService, 'staking-indexer').getTotals({}), command: lockIsSeen },
  marketplace: {
    path: () => `/marketplace/v1/models/${MODEL}`,
    query: () => partner.client(MarketplaceService, 'marketplace').getVersion({ name: version }),
    command: (label) => deploy(owner, version, label),
  },
  billing: {
    path: () => '/billing/openapi.json',
    query: () => partner.client(BillingService, 'billing').getBalance({ name: `${customer}/balance` }),
    command: (label) => buyCredit(partner, customer, label),
  },
};

const pathOf = (name: ServiceName): string => probes[name].path();

async function isAway(name: ServiceName): Promise<void> {
  const answer = await fetch(s.devnet.frontUrl + pathOf(name));
  expect([answer.status, ((await answer.json()) as { rule: string }).rule]).toEqual([503, 'service-closed']);
  const direct = createClient(TaskService, { address: s.devnet.grpc[name] as string, timeoutMs: 2_000 });
  await expect(direct.listTasks({})).rejects.toMatchObject({ code: 'unavailable' });
  direct.close();
}

async function worksAlone(name: ServiceName, label: string): Promise<void> {
  const rest = await fetch(s.devnet.frontUrl + pathOf(name));
  expect([name, rest.status]).toEqual([name, 200]);
  expect(await probes[name].query()).toBeDefined();
  await probes[name].command(label);
}

beforeAll(async () => {
  s = await bootSkein('apart');
  play = new ArenaPlay(s, await peopleOf(s, { trainers: 2, validators: 3, others: ['member-1', 'member-2', 'saver'] }));
  partner = play.people.partner;
  const others = [...play.people.others];
  saver = others.pop() as Actor;
  members = others;
  owner = play.people.trainers[0] as Actor;
  for (const actor of play.people.validators) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
  const first = await play.propose('one');
  await play.approve(first);
  await play.stakeAll(first);
  secondTask = await play.propose('two', { epochs: 2 });
  await play.approve(secondTask);
  federated = await proposeFederation(partner, 'federated');
  await approveFederation(play.people.operator, federated);
  await play.openOnChain(federated);
  await play.submitAll(first, 1);
  customer = await customerOf(partner, 'apart');
  await buyCredit(partner, customer, 'first');
  key = await apiKey(partner, customer, 'first');
  await play.until(first, 'its end', ({ status }) => status === 'finished');
  version = await listModel(owner, MODEL, first);
  await eventually(async () => expect(await infer(s.devnet.frontUrl, MODEL, key, 'call 1')).toMatchObject({ status: 200 }), WAIT);
});

afterAll(async () => {
  if (play !== undefined) closePeople(play.people);
  await s?.stop();
});

test.each(Object.entries(CONTEXTS).filter(([context]) => context !== 'v2'))('/%s/metrics shows what %s measures, and nothing of the others', async (context, name) => {
  const text = await (await fetch(`${s.devnet.frontUrl}/${context}/metrics`)).text();
  const measured = text.split('\n').filter((line) => /^(es|relay|consumer|inbox)_/.test(line));
  expect(measured.filter((line) => !line.includes(`service_name="${name}"`))).toEqual([]);
  for (const series of ['es_append_duration_seconds_count', 'es_projection_lag_events', 'relay_lag_events']) expect(measured.filter((line) => line.startsWith(`${series}{`))).not.toEqual([]);
});

test('every log line names its service once', () => {
  expect(s.lines.length).toBeGreaterThan(SERVICE_NAMES.length);
  expect(s.lines.filter((line) => line.match(/"service":/g)?.length !== 1)).toEqual([]);
  expect(s.lines.map((line) => (JSON.parse(line) as { service: string }).service)).toEqual(expect.arrayContaining([...SERVICE_NAMES]));
});

/** What happens elsewhere while a service is closed, and what it must know of it after it is back. */
interface Absence {
  meanwhile(): Promise<void>;
  caughtUp(): Promise<void>;
}

const statementSources = async (wallet: string): Promise<string[]> => {
  const { statements } = await play.people.operator.client(BillingService, 'billing').getStatement({ payee: wallet });
  return statements.flatMap(({ lines }) => lines.map(({ source }) => source));
};

let newKey = '';
const absences: Readonly<Record<ServiceName, Absence>> = {
  'staking-indexer': {
    meanwhile: async () => void (await lockFlock(saver.chain, s.book, LOCK)),
    caughtUp: async () => expect(await gmOf(saver)).toBe(await onChain(saver)),
  },
  arena: {
    meanwhile: () => play.stakeAll(secondTask),
    caughtUp: async () => void (await play.untilPhase(secondTask, 1, 'committing')),
  },
  validation: {
    meanwhile: async () => {
      await play.submitAll(secondTask, 1);
      await play.untilPhase(secondTask, 1, 'scoring');
    },
    caughtUp: async () => {
      const { verdicts } = await partner.client(VerdictService, 'validation').listVerdicts({ task: secondTask, pageSize: 10 });
      expect(verdicts.map(({ status }) => status)).toEqual(['agreed', 'agreed']);
    },
  },
  billing: {
    meanwhile: async () => {
      expect(await infer(s.devnet.frontUrl, MODEL, key, 'call 2')).toMatchObject({ status: 503 });
      await play.submitAll(secondTask, 2);
      await play.until(secondTask, 'its end', ({ status }) => status === 'finished');
    },
    caughtUp: async () => {
      for (const { wallet } of play.people.trainers) expect(await statementSources(wallet)).toContain(secondTask);
      expect(await infer(s.devnet.frontUrl, MODEL, key, 'call 2')).toMatchObject({ status: 200 });
    },
  },
  marketplace: {
    meanwhile: async () => void (newKey = await apiKey(partner, customer, 'made while the marketplace was away')),
    caughtUp: async () => expect(await infer(s.devnet.frontUrl, MODEL, newKey, 'call 3')).toMatchObject({ status: 200 }),
  },
  'fl-aggregator': {
    meanwhile: async () => void (await Promise.all(members.map((member) => play.stake(member, federated, 'participant')))),
    caughtUp: async () => {
      for (const member of members) await member.client(FederationNodeService, 'fl-aggregator').joinFederatedTask({ requestId: member.requestId('join'), task: federated });
    },
  },
};

describe.each(['staking-indexer', 'arena', 'validation', 'billing', 'marketplace', 'fl-aggregator'] as const)('%s is closed', (name) => {
  test('the others answer queries and accept commands', async () => {
    await s.skein.close(name);
    await isAway(name);
    const whole = await fetch(`${s.devnet.frontUrl}/health/ready`);
    expect([whole.status, ((await whole.json()) as { services: object }).services]).toEqual([503, Object.fromEntries(SERVICE_NAMES.map((one) => [one, one !== name]))]);
    await Promise.all(SERVICE_NAMES.filter((other) => other !== name).map((other) => worksAlone(other, `${name} away`)));
    await absences[name].meanwhile();
  });

  test('opened again, it catches up and works', async () => {
    await s.skein.open(name);
    await eventually(() => absences[name].caughtUp(), WAIT);
    await worksAlone(name, `${name} back`);
    expect((await fetch(`${s.devnet.frontUrl}/health/ready`)).status).toBe(200);
  });
});

test('the front knows every service', () => {
  expect(new Set(Object.values(CONTEXTS))).toEqual(new Set(SERVICE_NAMES));
});
