import { FlNode } from '@skein/fl-node';
import type { NodeNotice, NodeOutcome, NodeStrategy } from '@skein/fl-node';
import { FederatedTaskService, FederationNodeService } from '@skein/contracts/federation';
import { sha256Hex, uuidV8From } from '@skein/kernel';
import { columnMoments, pimaSchema } from '@skein/models';
import type { RunnerPool } from '@skein/runner';
import { retryingClient } from '@skein/sdk';
import { eventually } from '@skein/testing';
import { expect } from 'vitest';
import { actor, forwardModel, rowsFor, UNIT } from './harness.js';
import type { Actor, PlayGround } from './harness.js';

const NODES = 6;
export const STAKE = 3_000n * UNIT;
const RETRY = { timeoutMs: 60_000 };
const rows = rowsFor(NODES);
export const forward = forwardModel(columnMoments(rows.publicRows));
export const publicCsv = rows.publicCsv;
export const id = (label: string): string => uuidV8From('federation.int', label);

export const manifest = (change: object = {}) => ({
  title: 'diabetes', forwardSha256: sha256Hex(forward), publicRowsSha256: sha256Hex(publicCsv), rounds: 3,
  training: { localEpochs: 2, batch: 16, learningRate: 0.1, l2: 1e-4 }, participantsMin: 3, participantsMax: NODES,
  stakeThresholdUnits: STAKE.toString(), examplesMax: 1_000,
  deadlines: { joiningMs: 60_000, contributingMs: 60_000, committingMs: 60_000, revealingMs: 60_000 },
  ...change,
});

/** Uploads, proposes, approves and stakes; the task's name. The label decides every key, and so the draws. */
export async function approvedTask(s: PlayGround, partner: Actor, label: string, change: object = {}): Promise<string> {
  for (const bytes of [forward, publicCsv]) await s.rest('PUT', `/federation/v1/artifacts/${sha256Hex(bytes)}`, { authorization: partner.authorization, body: bytes });
  const body = { manifest: manifest(change) };
  const { json } = await s.rest('POST', '/federation/v1/federatedTasks', { authorization: partner.authorization, body, key: id(`propose-${label}`) });
  const name = json['name'] as string;
  const pool = { asset: 'FLOCK', units: (1_000n * UNIT).toString() };
  await s.rest('POST', `/federation/v1/${name}:approve`, { authorization: s.operator, body: { pool }, key: id(`approve-${label}`) });
  return name;
}

/** Six nodes with their stakes play the task to its end; every notice goes to `onNotice` with the node's index. */
export async function playToTheEnd(
  s: PlayGround,
  runner: RunnerPool,
  task: string,
  onNotice: (index: number, notice: NodeNotice) => void,
  strategyOf: (index: number) => NodeStrategy | undefined = () => undefined,
): Promise<NodeOutcome[]> {
  const members = await Promise.all(Array.from({ length: NODES }, (_, i) => actor(`node-${i}`)));
  for (const { wallet } of members) await s.stake(wallet, task, STAKE);
  return Promise.all(
    members.map(async ({ wallet, authorization }, index) => {
      const clients = s.clients(authorization);
      const strategy = strategyOf(index);
      const node = new FlNode({
        tasks: retryingClient(FederatedTaskService, clients.tasks, RETRY),
        nodes: retryingClient(FederationNodeService, clients.nodes, RETRY),
        task, wallet, runner, rows: rows.nodes[index]!, schema: pimaSchema, saltSecret: `salt-${index}`,
        onNotice: (notice) => onNotice(index, notice), ...(strategy ? { strategy } : {}),
      });
      await node.joinWhenStaked(AbortSignal.timeout(30_000));
      return node.run(AbortSignal.timeout(90_000));
    }),
  );
}

/** Six nodes whose memory is gone after every step: each notice of `moments` ends the node, and a new one goes on. */
export async function playForgetfully(s: PlayGround, runner: RunnerPool, task: string, moments: readonly NodeNotice['kind'][]): Promise<NodeOutcome[]> {
  const members = await Promise.all(Array.from({ length: NODES }, (_, i) => actor(`node-${i}`)));
  for (const { wallet } of members) await s.stake(wallet, task, STAKE);
  return Promise.all(
    members.map(async ({ wallet, authorization }, index) => {
      for (;;) {
        const end = new AbortController();
        const onNotice = ({ kind }: NodeNotice): void => {
          if (moments.includes(kind)) end.abort();
        };
        const node = new FlNode({ ...s.clients(authorization), task, wallet, runner, rows: rows.nodes[index]!, schema: pimaSchema, saltSecret: `salt-${index}`, onNotice });
        await node.joinWhenStaked(AbortSignal.timeout(30_000));
        const outcome = await node.run(end.signal);
        if (outcome !== 'stopped') return outcome;
      }
    }),
  );
}

/** What a story came to: without the times and case ids. */
export interface StoryResult {
  readonly weights: unknown;
  readonly pool: Record<string, unknown>;
  readonly rounds: unknown;
  readonly nodes: unknown;
}

type Attack = { round: number; current: Float32Array; honest(): Promise<Float32Array> };

/** Three rounds with a saboteur from the second on. `onMoment` is told of every step of a node as `kind-round`. */
export async function playStory(s: PlayGround, runner: RunnerPool, onMoment: (moment: string) => void): Promise<StoryResult> {
  const task = await approvedTask(s, await actor('partner'), 'recovery');
  const sabotage: NodeStrategy = { propose: async ({ round, current, honest }: Attack) => (round > 1 ? current.map((w) => -10 * w) : honest()) };
  const notice = (_: number, told: NodeNotice): void => {
    if ('round' in told) onMoment(`${told.kind}-${told.round}`);
  };
  await playToTheEnd(s, runner, task, notice, (index) => (index === 0 ? sabotage : undefined));
  const get = async (path: string) => (await s.rest('GET', `/federation/v1/${task}${path}`)).json;
  return eventually(async () => {
    const state = await get('');
    const rounds = ((await get('/rounds'))['rounds'] as Record<string, unknown>[] | undefined) ?? [];
    expect([state['phase'], rounds.length, state['modelSha256']]).toEqual(['finished', 3, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(rounds.every(({ closedAtMs }) => closedAtMs !== '0' && closedAtMs !== undefined)).toBe(true);
    // A slash's case id is of its task, so of this story alone.
    const own = (slashes: unknown) => (slashes as Record<string, unknown>[] | undefined)?.map(({ caseId: _case, ...rest }) => rest);
    const timeless = rounds.map(({ openedAtMs: _opened, closedAtMs: _closed, slashes, ...rest }) => ({ ...rest, slashes: own(slashes) }));
    return { weights: state['weightsSha256'], pool: await get('/pool'), rounds: timeless, nodes: await get('/nodes') };
  }, { timeoutMs: 30_000 });
}
