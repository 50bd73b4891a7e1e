import { RunnerPool } from '@skein/runner';
import { eventually } from '@skein/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { actor, stage } from './harness.js';
import type { Stage } from './harness.js';
import { approvedTask, playForgetfully, playStory } from './played-task.js';
import type { StoryResult } from './played-task.js';

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

/** Plays the story on a stage of its own, which stays open until the end of the test. */
async function played(disturb?: (s: Stage, moment: string) => void): Promise<StoryResult> {
  const s = (open = await stage());
  return playStory(s, runner, (moment) => disturb?.(s, moment));
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
  const disturbed = await played((s, moment) => {
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
