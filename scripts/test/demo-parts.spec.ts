import { rowHashes } from '@skein/models';
import { describe, expect, test } from 'vitest';
import { storyData } from '../src/data/story-data.js';
import { planKills } from '../src/demo/kill-plan.js';
import { parseDemoOptions, DEMO_HELP } from '../src/demo/options.js';
import { Printer } from '../src/demo/printer.js';
import { fingerprintOf, newReport } from '../src/demo/report.js';
import { Victims } from '../src/demo/victims.js';

describe('options', () => {
  test('defaults', () => expect(parseDemoOptions([])).toEqual({ seed: 1, kills: 0, target: 'all-in-one', portBase: 17400, keep: false }));
  test('traces only when asked for', () => expect(parseDemoOptions(['--traces'])).toMatchObject({ traces: true }));
  test('a cluster and its event log', () => expect(parseDemoOptions(['--target', 'cluster', '--event-log', 'embedded'])).toMatchObject({ target: 'cluster', eventLog: 'embedded' }));
  test.each([
    [['--seed=-1'], '--seed must be an integer from 0'],
    [['--seed', '1.5'], 'not "1.5"'],
    [['--kills', '6'], '--kills must be an integer from 0 to 5'],
    [['--port-base', 'no'], '--port-base'],
    [['--target', 'moon'], '--target must be all-in-one or cluster'],
    [['--event-log', 'kafka'], '--event-log belongs to --target cluster'],
    [['--nonsense'], '--nonsense'],
  ])('%j is refused by name', (args, message) => expect(() => parseDemoOptions(args)).toThrow(message));
  test('help explains every option', () => {
    expect(parseDemoOptions(['--help'])).toBeUndefined();
    for (const option of ['--seed', '--kills', '--report', '--keep', '--port-base', '--data', '--target', '--event-log']) expect(DEMO_HELP).toContain(option);
  });
});

describe('kill plan', () => {
  const moments = new Map([[2, 3], [3, 2], [4, 1], [5, 2], [6, 4]]);
  test('every kill hits another chapter, at a moment it has', () => {
    for (let seed = 0; seed < 50; seed++) {
      const plan = planKills(seed, 5, moments);
      expect(plan.map(({ chapter }) => chapter)).toEqual([2, 3, 4, 5, 6]);
      for (const { chapter, moment } of plan) expect(moment).toBeLessThan(moments.get(chapter) as number);
    }
  });
  test('the same seed plans the same kills, another seed others', () => {
    expect(planKills(3, 2, moments)).toEqual(planKills(3, 2, moments));
    expect(planKills(3, 5, moments)).not.toEqual(planKills(4, 5, moments));
  });
  test('more kills than chapters are refused', () => expect(() => planKills(1, 6, moments)).toThrow('6 kills need 6 chapters'));
});

describe('victims', () => {
  const processes = ['arena api', 'arena worker', 'billing api', 'billing worker'];
  const drawn = (seed: number): (readonly string[] | 'whole')[] => {
    const victims = new Victims(seed);
    return Array.from({ length: 20 }, () => victims.draw(processes));
  };
  test('the whole, or one to three different processes', () => {
    const hits = drawn(1);
    expect(hits).toContain('whole');
    for (const hit of hits.filter((one) => one !== 'whole')) {
      expect(new Set(hit).size).toBe(hit.length);
      expect([1, 2, 3]).toContain(hit.length);
      expect(processes).toEqual(expect.arrayContaining([...hit]));
    }
  });
  test('the same seed draws the same', () => {
    expect(drawn(7)).toEqual(drawn(7));
    expect(drawn(7)).not.toEqual(drawn(8));
  });
});

describe('data', () => {
  const data = storyData(1);
  const parts = [data.test, data.open, data.rotating, data.heldBack, ...data.hospitals, ...data.laboratories, data.saboteur];
  test('every row has one owner', () => {
    const hashes = parts.flatMap((part) => rowHashes(part));
    expect([hashes.length, new Set(hashes).size]).toEqual([768, 768]);
  });
  test('the sizes are those of the story', () => {
    expect([data.test.rows, data.open.rows, ...data.laboratories.map(({ rows }) => rows), data.saboteur.rows]).toEqual([154, 40, 40, 40, 40]);
  });
});

describe('fingerprint', () => {
  const base = () => ({ ...newReport(1), staking: { projection: '1', contract: '1', byWallet: [{ wallet: 'b', effective: '2' }, { wallet: 'a', effective: '1' }] } });
  test('depends on what was decided, not on times or order', () => {
    const other = { ...base(), readyMs: 99, totalMs: 5 };
    other.staking.byWallet.reverse();
    expect(fingerprintOf(other)).toBe(fingerprintOf(base()));
  });
  test('changes with one base unit', () => {
    const other = base();
    other.staking.byWallet[0]!.effective = '3';
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(base()));
  });
});

test('tables line up', () => {
  let text = '';
  new Printer((part) => (text += part)).table(['who', 'score'], [['logistic', '0.7']]);
  expect(text).toBe('            who       score\n            --------  -----\n            logistic  0.7\n');
});
