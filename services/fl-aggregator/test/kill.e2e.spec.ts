import { RunnerPool } from '@skein/runner';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processStage, stage } from './harness.js';
import type { PlayGround } from './harness.js';
import { playStory } from './played-task.js';

let runner: RunnerPool;
const open: PlayGround[] = [];
beforeAll(() => {
  runner = new RunnerPool({ pooledMax: 2 });
});
afterAll(async () => {
  for (const one of open) await one.close();
  await runner.stop();
});

test('kill -9 of the service at three moments changes nothing of draws, weights, votes and money', async () => {
  const calm = await stage();
  open.push(calm);
  const expected = await playStory(calm, runner, () => undefined);
  const s = await processStage();
  open.push(s);
  const moments = ['contributed-1', 'sealed-2', 'contributed-3'];
  const killed = new Set<string>();
  let kills = Promise.resolve();
  const result = await playStory(s, runner, (moment) => {
    if (killed.has(moment) || !moments.includes(moment)) return;
    killed.add(moment);
    kills = kills.then(() => s.kill());
  });
  await kills;
  expect([...killed]).toEqual(moments);
  expect(result).toEqual(expected);
}, 240_000);
