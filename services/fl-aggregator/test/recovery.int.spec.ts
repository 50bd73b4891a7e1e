import { RunnerPool } from '@skein/runner';
import { eventually } from '@skein/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { actor, stage } from './harness.js';
import type { Stage } from './harness.js';
import { approvedTask, playForgetfully, playToTheEnd } from './played-task.js';

let runner: RunnerPool;
let open: Stage | undefined;
beforeAll(() => {
  runner = new RunnerPool({ pooledMax: 2 });
});
afterEach(async () => {
  await open?.close();
  open = undefined;
});
afterAll(() => runner.stop());

interface Result {
  readonly weights: unknown;
  readonly pool: Record<string, unknown>;
  readonly rounds: unknown;
  readonly nodes: unknown;
}

/** Plays the story on a stage of its own; `disturb` is told of each notice and may do harm. */
async function played(disturb?: (s: Stage, kind: string, round: number) => void): Promise<Result> {
  const s = (open = await stage());
  const partner = await actor('partner');
  const task = await approvedTask(s, partner, 'recovery');
  const attack = { propose: async ({ round, current, honest }: { round: number; current: Float32Array; honest(): Promise<Float32Array> }) => (round > 1 ? current.map((w) => -10 * w) : honest()) };
  await playToTheEnd(s, runner, task, (_, notice) => 'round' in notice && disturb?.(s, notice.kind, notice.round), (index) => (index === 0 ? attack : undefined));
  const get = async (path: string) => (await s.rest('GET', `/federation/v1/${task}${path}`)).json;
  return eventually(async () => {
    const state = await get('');
    const rounds = ((await get('/rounds'))['rounds'] as Record<string, unknown>[]) ?? [];
    expect([state['phase'], rounds.length, state['modelSha256']]).toEqual(['finished', 3, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(rounds.every(({ closedAtMs }) => closedAtMs !== '0' && closedAtMs !== undefined)).toBe(true);
    const timeless = rounds.map(({ openedAtMs: _o, closedAtMs: _c, ...rest }) => rest);
    return { weights: state['weightsSha256'], pool: await get('/pool'), rounds: timeless, nodes: await get('/nodes') };
  }, { timeoutMs: 30_000 });
}

test('the same story twice gives the same draws, weights and money; so does one whose service is stopped and started in the middle', async () => {
  const first = await played();
  await open?.close();
  open = undefined;
  expect(await played()).toEqual(first);
  await open!.close();
  open = undefined;
  const stops = new Set<string>();
  const restarts: Promise<void>[] = [];
  const disturbed = await played((s, kind, round) => {
    const moment = `${kind}-${round}`;
    if (stops.has(moment) || !['contributed-1', 'sealed-2', 'contributed-3'].includes(moment)) return;
    stops.add(moment);
    // One restart after the other: a second one meets the service that the first has started.
    restarts.push((restarts.at(-1) ?? Promise.resolve()).then(() => s.restart()));
  });
  await Promise.all(restarts);
  expect([...stops]).toEqual(['contributed-1', 'sealed-2', 'contributed-3']);
  expect(disturbed).toEqual(first);
}, 180_000);

test('nodes that lose their memory after every contribution and every sealed vote play to the end, and nobody is slashed', async () => {
  const s = (open = await stage());
  const task = await approvedTask(s, await actor('partner'), 'forgetful');
  expect(await playForgetfully(s, runner, task, ['contributed', 'sealed'])).toEqual(Array.from({ length: 6 }, () => 'finished'));
  await eventually(async () => {
    const { json } = await s.rest('GET', `/federation/v1/${task}`);
    expect(json).toMatchObject({ phase: 'finished', roundsDone: 3 });
    expect((json['pool'] as Record<string, unknown>)['slashedUnits'] ?? '0').toBe('0');
  }, { timeoutMs: 30_000 });
}, 120_000);
