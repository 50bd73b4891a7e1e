import { ensureStake, openTask } from '@skein/contracts-evm';
import { Metric, SubmissionService, TaskService, type Task } from '@skein/contracts/arena';
import { BillingService } from '@skein/contracts/billing';
import { MarketplaceService } from '@skein/contracts/marketplace';
import { ValidatorService } from '@skein/contracts/validation';
import { utf8 } from '@skein/kernel';
import { perceptronOnnx } from '@skein/models';
import { SkeinError, uploadArtifact, withRetry } from '@skein/sdk';
import { Competitor, type Entry } from '@skein/trainer';
import type { Actor } from '../demo/actor.js';
import { persist } from '../demo/persist.js';
import type { People } from './people.js';

/** How long the clients go on asking, whatever is broken meanwhile. */
const PATIENCE_MS = 150_000;
const RETRY = { timeoutMs: PATIENCE_MS };
const UNIT = 10n ** 18n;
const DAY_MS = 86_400_000;
const MODEL = 'short';
/** Paid calls of the scenario. */
export const CALLS = 10;
const AT_ONCE = 3;
/** No demand window ends within the scenario, so that the price does not depend on how long it takes. */
const PRICE_RULE = { floorE15: '1000000000000', rateE15: '1', callsTarget: 10n, windowMs: 3_600_000n };

/** What the scenario made, by name. */
export interface Played {
  readonly task: string;
  readonly customer: string;
  readonly version: string;
  /** Reservation and charge of each call, as its caller was told. */
  readonly calls: readonly { readonly reservationId: string; readonly chargedUnits: string; readonly output: number }[];
}

/** Rows of two features; the label says whether the first is above the second. */
function csv(first: number, rows: number): Uint8Array {
  const lines = Array.from({ length: rows }, (_, index) => {
    const [a, b] = [first + index, first + ((index * 7) % rows)];
    return `${a},${b},${a > b ? 1 : 0}`;
  });
  return utf8(`a,b,label\n${lines.join('\n')}\n`);
}

const model = (weight: number, bias: number): Uint8Array => perceptronOnnx({ layers: [{ inputs: 2, outputs: 1, weights: new Float32Array([weight, -weight]), bias: [bias] }], output: 'sigmoid' });

const untilTask = ({ partner }: People, name: string, what: string, holds: (task: Task) => boolean): Promise<Task> =>
  persist(async () => {
    const task = await partner.client(TaskService, 'arena').getTask({ name });
    if (!holds(task)) throw new Error(`${name} is ${task.status}, epoch ${task.epoch} ${task.epochPhase}; waiting for ${what}`);
    return task;
  }, PATIENCE_MS);

async function propose({ partner, trainers, validators }: People): Promise<string> {
  const upload = (bytes: Uint8Array): Promise<string> => withRetry(() => uploadArtifact(partner.rest, 'arena', bytes), RETRY);
  const [training, rotating, heldBack] = await Promise.all([upload(csv(0, 20)), upload(csv(1_000, 12)), upload(csv(2_000, 12))]);
  const { name } = await partner.client(TaskService, 'arena').proposeTask({
    requestId: partner.requestId('propose'),
    title: 'Above or below',
    goal: 'Tell whether the first number is above the second.',
    metric: Metric.ACCURACY,
    schema: { input: { elementType: 'float', shape: [2] }, output: { elementType: 'float', shape: [1] } },
    dataSets: { trainingSha256: training, rotatingSha256: [rotating], heldBackSha256: heldBack, labelColumn: 'label' },
    schedule: { epochs: 1, epochSeconds: 1, stakingSeconds: 600, commitSeconds: 600, revealSeconds: 600, scoringSeconds: 600, challengeSeconds: 0, vestingSeconds: 1, earlyClose: true, nodesExpected: trainers.length, validatorsExpected: validators.length },
    rules: { quotaPerEpoch: 1, validatorsPerSubmission: validators.length, quorum: 2 },
  });
  return name;
}

/** By the chain's own clock, which goes on from where the copied state left it. */
async function openOnChain({ deployer, book }: People, task: string): Promise<void> {
  const { timestamp } = await deployer.chain.reader.getBlock();
  await openTask(deployer.chain, book, task.replace(/^tasks\//, ''), Number(timestamp) * 1000 + DAY_MS);
}

async function stake(people: People, task: string): Promise<void> {
  const taskId = task.replace(/^tasks\//, '');
  const put = (actor: Actor, role: 'node' | 'validator', flock: number): Promise<void> =>
    persist(() => ensureStake(actor.chain, people.book, { taskId, role, amount: BigInt(flock) * UNIT }), PATIENCE_MS).then(() => undefined);
  await Promise.all([...people.trainers.map((actor, index) => put(actor, 'node', 3_000 + 500 * index)), ...people.validators.map((actor, index) => put(actor, 'validator', 3_000 + 400 * index))]);
}

async function submit(people: People, task: string): Promise<void> {
  await untilTask(people, task, 'commits', ({ epoch, epochPhase }) => epoch === 1 && epochPhase === 'committing');
  const entries: { competitor: Competitor; entry: Entry }[] = [];
  for (const [index, actor] of people.trainers.entries()) {
    const competitor = new Competitor({ wallet: actor.wallet, submissions: actor.client(SubmissionService, 'arena'), rest: actor.rest, requestId: (label) => actor.requestId(label), saltSecret: actor.name });
    entries.push({ competitor, entry: await competitor.commit(task, 1, model(index + 1, index === 0 ? 0 : 40)) });
  }
  await untilTask(people, task, 'reveals', ({ epoch, epochPhase }) => epoch === 1 && epochPhase === 'revealing');
  for (const { competitor, entry } of entries) await competitor.reveal(entry);
}

async function sell({ trainers, partner }: People, task: string): Promise<{ version: string; customer: string; key: string }> {
  const developer = trainers[0] as Actor;
  const market = developer.client(MarketplaceService, 'marketplace');
  const lineage = { arenaTask: task, federatedTask: '', parents: [] };
  // Refused until the marketplace has heard of the winner: that refusal is not final for whoever knows the result.
  const registered = await eventually(() => market.registerVersion({ requestId: developer.requestId('register'), model: `models/${MODEL}`, lineage, licence: 'Apache-2.0', intendedUse: 'A test.' }));
  const version = registered.version?.name ?? '';
  await market.deploy({ requestId: developer.requestId('deploy'), version, priceRule: PRICE_RULE });
  const billing = partner.client(BillingService, 'billing');
  const create = () => billing.createCustomer({ requestId: partner.requestId('customer'), displayName: 'Clinic' });
  const name = (await create()).customer?.name ?? '';
  if ((await create()).customer?.name !== name) throw new Error('a command that is sent again has another answer');
  await billing.buyCredit({ requestId: partner.requestId('credit'), name, amount: { asset: 'USD', units: '1000000000' }, paymentMethod: 'test-card' });
  const { key } = await billing.createApiKey({ requestId: partner.requestId('key'), parent: name, scopes: ['marketplace.infer', 'billing.read'], spendCapUnits: '' });
  return { version, customer: name, key };
}

/** Tries until it works, whatever it says. */
export const eventually = <T>(attempt: () => Promise<T>): Promise<T> =>
  persist(() => attempt().catch((error: unknown) => Promise.reject(new Error(error instanceof SkeinError ? `${error.rule ?? error.code}: ${error.message}` : String(error)))), PATIENCE_MS);

interface InferAnswer {
  readonly parameters: Readonly<Record<string, string>>;
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

/** One paid call; the same idempotency key until it is answered. */
const infer = (caller: Actor, index: number): Promise<Played['calls'][number]> =>
  eventually(async () => {
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [index, 5] }] });
    const headers = { ...caller.headers(), 'content-type': 'application/json', 'idempotency-key': caller.requestId(`call ${index}`) };
    const response = await fetch(new URL(`/v2/models/${MODEL}/infer`, caller.rest.baseUrl), { method: 'POST', headers, body, signal: AbortSignal.timeout(20_000) });
    if (!response.ok) throw new Error(`call ${index}: ${response.status} ${await response.text()}`);
    const { parameters, outputs } = (await response.json()) as InferAnswer;
    return { reservationId: parameters['reservation_id'] ?? '', chargedUnits: parameters['charged_units'] ?? '', output: outputs[0]?.data[0] ?? Number.NaN };
  });

async function call(caller: Actor): Promise<Played['calls']> {
  const calls: Played['calls'][number][] = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < CALLS) {
      const index = next++;
      calls[index] = await infer(caller, index);
      if (index > 0) continue;
      const again = await infer(caller, index);
      if (again.reservationId !== calls[index].reservationId || again.chargedUnits !== calls[index].chargedUnits) throw new Error('a call that is sent again is another call');
    }
  }));
  return calls;
}

/** Names of the scenario's steps, in order. */
export const STEPS = ['task', 'stake', 'submissions', 'scores and pay', 'market', 'calls'] as const;
export type Step = (typeof STEPS)[number];

/** Stake → task → two submissions → scores → one epoch paid → ten paid calls, by public APIs and the chain alone. */
export async function play(people: People, at: (step: Step) => void): Promise<Played> {
  const { partner, operator, validators } = people;
  at('task');
  for (const actor of validators) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
  const task = await propose(people);
  await operator.client(TaskService, 'arena').approveTask({ requestId: operator.requestId('approve'), name: task });
  at('stake');
  await persist(() => openOnChain(people, task), PATIENCE_MS);
  await stake(people, task);
  at('submissions');
  await submit(people, task);
  at('scores and pay');
  await untilTask(people, task, 'its end', ({ status }) => status === 'finished');
  at('market');
  const { version, customer, key } = await sell(people, task);
  at('calls');
  const calls = await call(partner.as(key));
  return { task, customer, version, calls };
}
