import { SubmissionService } from '@skein/contracts/arena';
import { MarketplaceService } from '@skein/contracts/marketplace';
import { ValidatorService } from '@skein/contracts/validation';
import { sha256Hex } from '@skein/kernel';
import type { RunnerPool } from '@skein/runner';
import { uploadArtifact } from '@skein/sdk';
import { eventually } from '@skein/testing';
import { commitmentOf } from '@skein/trainer';
import { expect } from 'vitest';
import type { Actor } from '../../../../scripts/src/demo/actor.js';
import { ArenaPlay, model, peopleOf, type Files, type Stage } from './arena-play.js';
import { approveFederation, playFederation, proposeFederation } from './federation-play.js';
import { apiKey, buyCredit, customerOf, deploy, infer } from './market-play.js';

const WAIT = { timeoutMs: 40_000, everyMs: 50 };

/** What the two competitors send, who trace themselves: the parents of their calls' spans. The last reveal is the first one's. */
export const TRACES = ['5ca1ab1e'.repeat(4), '0ddba11a'.repeat(4)] as const;
export const CLIENT_SPAN = '1'.repeat(16);
/** Salts of the two commits. */
export const SALTS = ['ab'.repeat(32), 'ba'.repeat(32)] as const;

/** What the play brings with it otherwise than usually. */
export interface Whole {
  readonly runner: RunnerPool;
  /** Of the task. */
  readonly files?: Files;
  /** Part of the customer's name. */
  readonly person?: string;
}

/** Who played, and what came of it. */
export interface Played {
  readonly play: ArenaPlay;
  readonly task: string;
  /** In the order of `TRACES`. */
  readonly submissions: readonly string[];
  readonly customer: string;
  /** The customer's API key. */
  readonly key: string;
}

/** Commits and reveals over REST, each competitor in a trace of its own; the second one's model is admitted before the first one reveals. */
async function submitOverHttp(s: Stage, play: ArenaPlay, task: string): Promise<string[]> {
  const models = [model(1, 0.5), model(1, 40)];
  const post = async (at: number, path: string, body: object): Promise<{ name: string }> => {
    const actor = play.people.trainers[at]!;
    const headers = { ...actor.headers(), 'content-type': 'application/json', 'idempotency-key': actor.requestId(path), traceparent: `00-${TRACES[at]}-${CLIENT_SPAN}-01` };
    const answer = await fetch(`${s.devnet.frontUrl}/arena/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status, await answer.clone().text()).toBe(200);
    return (await answer.json()) as { name: string };
  };
  const names: string[] = [];
  for (const [at, bytes] of models.entries()) {
    const { rest, wallet: owner } = play.people.trainers[at]!;
    await uploadArtifact(rest, 'arena', bytes);
    const commit = commitmentOf({ task, epoch: 1, owner, artifactSha256: sha256Hex(bytes), salt: SALTS[at]! });
    names.push((await post(at, `${task}/submissions`, { epoch: 1, commit })).name);
  }
  await play.untilPhase(task, 1, 'revealing');
  const reveal = (at: number) => post(at, `${names[at]}:reveal`, { artifactSha256: sha256Hex(models[at]!), salt: SALTS[at] });
  await reveal(1);
  const second = play.people.trainers[1]!.client(SubmissionService, 'arena');
  await eventually(async () => expect(await second.getSubmission({ name: names[1]! })).toMatchObject({ status: 'admitted' }), WAIT);
  await reveal(0);
  return names;
}

/** The winner lists the federated model; one call of it is paid for. */
async function sell(s: Stage, owner: Actor, partner: Actor, lineage: { arenaTask: string; federatedTask: string }, person: string): Promise<{ customer: string; key: string }> {
  const market = owner.client(MarketplaceService, 'marketplace');
  const { version } = await eventually(() => market.registerVersion({ requestId: owner.requestId('register'), model: 'models/whole', lineage: { ...lineage, parents: [] }, licence: 'Apache-2.0', intendedUse: 'A test.' }), WAIT);
  await deploy(owner, version?.name ?? '', 'whole');
  const customer = await customerOf(partner, person);
  await buyCredit(partner, customer, 'whole');
  const key = await apiKey(partner, customer, 'whole');
  await eventually(async () => expect(await infer(s.devnet.frontUrl, 'whole', key, 'call 1')).toMatchObject({ status: 200 }), WAIT);
  return { customer, key };
}

/** The story with the fewest people: a task with two competitors, whose winner two members improve together, and one paid call of that. */
export async function playWhole(s: Stage, { runner, files, person = 'whole' }: Whole): Promise<Played> {
  const play = new ArenaPlay(s, await peopleOf(s, { trainers: 2, validators: 3, others: ['member-1', 'member-2'] }));
  const { partner, operator, others, trainers, validators } = play.people;
  for (const actor of validators) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
  const task = await play.propose('whole', files === undefined ? {} : { files });
  await play.approve(task);
  await play.stakeAll(task);
  const federatedTask = await proposeFederation(partner, 'whole', { rounds: 1, arenaTask: task });
  await approveFederation(operator, federatedTask);
  await play.openOnChain(federatedTask);
  await Promise.all(others.map((member) => play.stake(member, federatedTask, 'participant')));
  await play.untilPhase(task, 1, 'committing');
  const submissions = await submitOverHttp(s, play, task);
  expect(await playFederation(others, federatedTask, runner)).toEqual(['finished', 'finished']);
  await play.until(task, 'its end', ({ status }) => status === 'finished');
  return { play, task, submissions, ...(await sell(s, trainers[0]!, partner, { arenaTask: task, federatedTask }, person)) };
}
