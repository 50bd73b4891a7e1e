import { ensureLock, ensureMinted, ensureStake, fundGas, openTask } from '@skein/contracts-evm';
import { Metric, SubmissionService, TaskService, type Task } from '@skein/contracts/arena';
import { utf8 } from '@skein/kernel';
import { perceptronOnnx } from '@skein/models';
import { uploadArtifact } from '@skein/sdk';
import { eventually } from '@skein/testing';
import { Competitor } from '@skein/trainer';
import { Actor } from '../../../../scripts/src/demo/actor.js';
import type { TestSkein } from './skein.js';

/** What a play needs to know of a Skein. */
export type Stage = Pick<TestSkein, 'devnet' | 'book'>;

const UNIT = 10n ** 18n;
const LOCK_SECONDS = 90n * 86_400n;
const DAY_MS = 86_400_000;
const WAIT = { timeoutMs: 40_000, everyMs: 50 };

/** What a wallet stakes on a task. */
export const STAKE = 3_000n * UNIT;
/** What a wallet locks: enough for stakes on several tasks. */
const LOCK = 4n * STAKE;

/** Rows of two features, where the label says whether the first is above the second; other `first`, other rows. */
export function csv(first: number, rows: number): Uint8Array {
  const lines = Array.from({ length: rows }, (_, index) => {
    const [a, b] = [first + index, first + ((index * 7) % rows)];
    return `${a},${b},${a > b ? 1 : 0}`;
  });
  return utf8(`a,b,label\n${lines.join('\n')}\n`);
}

/** A small valid model over two features; other weights, other bytes. */
export const model = (weight: number, bias = 0): Uint8Array =>
  perceptronOnnx({ layers: [{ inputs: 2, outputs: 1, weights: new Float32Array([weight, -weight]), bias: [bias] }], output: 'sigmoid' });

/** The files of a task: three sets without a common row. */
export interface Files {
  readonly training: Uint8Array;
  readonly rotating: Uint8Array;
  readonly heldBack: Uint8Array;
}

export const FILES: Files = { training: csv(0, 20), rotating: csv(1_000, 12), heldBack: csv(2_000, 12) };

/** What a task may say otherwise than the usual. */
export interface Terms {
  readonly files?: Files;
  readonly epochs?: number;
  readonly commitSeconds?: number;
  readonly revealSeconds?: number;
  readonly nodes?: number;
  readonly validators?: number;
}

/** Everybody that a small arena needs, with wallets that hold gmFLOCK. */
export interface People {
  readonly partner: Actor;
  readonly operator: Actor;
  readonly deployer: Actor;
  readonly trainers: readonly Actor[];
  readonly validators: readonly Actor[];
  readonly others: readonly Actor[];
}

/** Makes the people, gives them gas, and locks FLOCK by real transactions for those that stake. */
export async function peopleOf({ devnet, book }: Stage, counts: { trainers: number; validators: number; others?: readonly string[] }): Promise<People> {
  const { seed } = devnet;
  const many = (name: string, count: number): Promise<Actor[]> => Promise.all(Array.from({ length: count }, (_, index) => Actor.create(`${name}-${index + 1}`, seed, devnet)));
  const people: People = {
    partner: await Actor.create('partner', seed, devnet),
    operator: await Actor.create('operator', seed, devnet, devnet.operatorToken),
    deployer: await Actor.create('deployer', seed, devnet),
    trainers: await many('trainer', counts.trainers),
    validators: await many('validator', counts.validators),
    others: await Promise.all((counts.others ?? []).map((name) => Actor.create(name, seed, devnet))),
  };
  const stakers = [...people.trainers, ...people.validators, ...people.others];
  await fundGas(devnet, [people.partner, people.deployer, ...stakers].map(({ chain }) => chain.address));
  for (const { chain } of stakers) await ensureMinted(people.deployer.chain, book, chain.address, 2n * LOCK);
  await Promise.all(stakers.map(({ chain }) => ensureLock(chain, book, { amount: LOCK, lockSeconds: LOCK_SECONDS })));
  return people;
}

/** Closes everybody's connections. */
export const closePeople = ({ partner, operator, deployer, trainers, validators, others }: People): void => [partner, operator, deployer, ...trainers, ...validators, ...others].forEach((actor) => actor.close());

/** Plays a small arena through public APIs and the chain. */
export class ArenaPlay {
  readonly people: People;
  private readonly test: Stage;

  constructor(test: Stage, people: People) {
    this.test = test;
    this.people = people;
  }

  /** Uploads the files and proposes; returns the task's name. */
  async propose(label: string, terms: Terms = {}): Promise<string> {
    const { partner, trainers, validators } = this.people;
    const { training, rotating, heldBack } = terms.files ?? FILES;
    const upload = (bytes: Uint8Array): Promise<string> => uploadArtifact(partner.rest, 'arena', bytes);
    const dataSets = { trainingSha256: await upload(training), rotatingSha256: [await upload(rotating)], heldBackSha256: await upload(heldBack), labelColumn: 'label' };
    const schedule = { epochs: terms.epochs ?? 1, epochSeconds: 1, stakingSeconds: 600, commitSeconds: terms.commitSeconds ?? 120, revealSeconds: terms.revealSeconds ?? 120, scoringSeconds: 120 };
    const { name } = await partner.client(TaskService, 'arena').proposeTask({
      requestId: partner.requestId(`propose ${label}`),
      title: `Above or below: ${label}`,
      goal: 'Tell whether the first number is above the second.',
      metric: Metric.ACCURACY,
      schema: { input: { elementType: 'float', shape: [2] }, output: { elementType: 'float', shape: [1] } },
      dataSets,
      schedule: { ...schedule, challengeSeconds: 0, vestingSeconds: 1, earlyClose: true, nodesExpected: terms.nodes ?? trainers.length, validatorsExpected: terms.validators ?? validators.length },
      rules: { quotaPerEpoch: 1, validatorsPerSubmission: 3, quorum: 2 },
    });
    return name;
  }

  /** The operator approves, and the task is opened for stakes on the chain. */
  async approve(name: string): Promise<void> {
    const { operator } = this.people;
    await operator.client(TaskService, 'arena').approveTask({ requestId: operator.requestId(`approve ${name}`), name });
    await this.openOnChain(name);
  }

  /** Opens a task of any kind for stakes, by the chain's own time. */
  async openOnChain(name: string): Promise<void> {
    const { chain } = this.people.deployer;
    const { timestamp } = await chain.reader.getBlock();
    await openTask(chain, this.test.book, name.replace(/^[A-Za-z]+\//, ''), Number(timestamp) * 1000 + DAY_MS);
  }

  /** Stakes by real transactions: nodes and validators of the cast. */
  async stakeAll(name: string): Promise<void> {
    const { trainers, validators } = this.people;
    await Promise.all([...trainers.map((actor) => this.stake(actor, name, 'node')), ...validators.map((actor) => this.stake(actor, name, 'validator'))]);
  }

  async stake(actor: Actor, name: string, role: 'node' | 'validator' | 'participant'): Promise<void> {
    await ensureStake(actor.chain, this.test.book, { taskId: name.replace(/^[A-Za-z]+\//, ''), role, amount: STAKE });
  }

  task(name: string): Promise<Task> {
    return this.people.partner.client(TaskService, 'arena').getTask({ name });
  }

  /** Waits until `holds` is true of the task. */
  until(name: string, what: string, holds: (task: Task) => boolean): Promise<Task> {
    return eventually(async () => {
      const task = await this.task(name);
      if (!holds(task)) throw new Error(`${name} is ${task.status}, epoch ${task.epoch} ${task.epochPhase}; waiting for ${what}`);
      return task;
    }, WAIT);
  }

  untilPhase(name: string, epoch: number, phase: string): Promise<Task> {
    return this.until(name, `epoch ${epoch} ${phase}`, (task) => task.epoch === epoch && task.epochPhase === phase);
  }

  competitor(actor: Actor, name: string): Competitor {
    return new Competitor({ wallet: actor.wallet, submissions: actor.client(SubmissionService, 'arena'), rest: actor.rest, requestId: (label) => actor.requestId(`${name}/${label}`), saltSecret: `${actor.name}/${name}` });
  }

  /** Every trainer commits, then reveals, a model of its own. */
  async submitAll(name: string, epoch: number): Promise<void> {
    await this.untilPhase(name, epoch, 'committing');
    const entries = [];
    for (const [index, actor] of this.people.trainers.entries()) {
      const competitor = this.competitor(actor, name);
      entries.push({ competitor, entry: await competitor.commit(name, epoch, model(index + epoch, index === 0 ? 0 : 40)) });
    }
    await this.untilPhase(name, epoch, 'revealing');
    for (const { competitor, entry } of entries) await competitor.reveal(entry);
  }
}
