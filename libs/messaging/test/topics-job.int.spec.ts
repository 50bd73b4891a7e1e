import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventLogMigrations } from '../src/migrations.js';
import { topicsJob } from '../src/topics-job.js';
import { loadTopics } from '../src/topics.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase(eventLogMigrations);
});
afterAll(() => database.drop());

async function run(args: readonly string[], url = database.appUrl): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await topicsJob({ arguments: args, environment: { EVENT_LOG_URL: url }, write: (text) => void (out += text), complain: (text) => void (err += text) });
  return { code, out, err };
}

it('plans, applies and then finds nothing to do', async () => {
  const all = (await loadTopics()).length;
  expect((await run(['plan'])).out.match(/^create /gm)).toHaveLength(all);
  expect(await run(['apply'])).toMatchObject({ code: 0, err: '' });
  const { topics } = JSON.parse((await run(['plan', '--json'])).out) as { topics: { action: string }[] };
  expect(topics.map(({ action }) => action)).toEqual(Array.from({ length: all }, () => 'unchanged'));
});

it('says what it wants, and does not repeat a secret', async () => {
  expect(await run(['drop'])).toMatchObject({ code: 2, out: '' });
  expect(await run(['plan'], '')).toEqual({ code: 2, out: '', err: 'EVENT_LOG_URL: is missing\n' });
  expect((await run(['--help'])).out).toContain('Usage');
  const away = await run(['plan'], 'kafka://user:secret@nowhere:1');
  expect([away.code, away.err]).toEqual([1, 'topics plan: must be kafka://host:port,host:port\n']);
});
