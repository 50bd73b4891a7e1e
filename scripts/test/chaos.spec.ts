import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import type { PartitionBatch, ReceivedMessage } from '@skein/messaging';
import { FAILPOINTS, REPAIR_FAILPOINTS } from '@skein/telemetry';
import { spawnTs } from '@skein/testing';
import type { FaultProxy } from '@skein/testing/fault-proxy';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clocksOf, faults, sliceOf } from '../src/chaos/faults.js';
import { readHits } from '../src/chaos/hits.js';
import { hostile, inOrder, mixed } from '../src/chaos/hostile-deliveries.js';
import type { Attempt, Disturbance } from '../src/chaos/attempt.js';
import { grouped, killRuns, type Suite } from '../src/chaos/kill-runs.js';
import { armedWith, drawKill, sooner, steadyHits, steadyTable } from '../src/chaos/kills.js';
import { breakAll } from '../src/chaos/network-faults.js';
import { parseChaosOptions } from '../src/chaos/options.js';
import { closing, isGood, newLine, row } from '../src/chaos/report.js';
import { ACTS, describeStep, type Step } from '../src/chaos/steps.js';
import type { Run } from '../src/chaos/stage.js';
import { storyFaults } from '../src/chaos/story-faults.js';
import { storyPlay } from '../src/chaos/story-play.js';
import { askToEnd, combined, SERVICES } from '../src/chaos/strikes.js';
import { differences } from '../src/chaos/stored-state.js';
import { patience } from '../src/demo/persist.js';

const random = (name: string): DeterministicRandom => new DeterministicRandom(sha256(utf8(name)));

describe('the arming module in a process of its own', () => {
  let folder = '';
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'skein-chaos-spec-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const child = (arming: object) => spawnTs(new URL('./chaos-child.ts', import.meta.url), [], { SKEIN_CHAOS: JSON.stringify({ hits: join(folder, 'hits'), killed: join(folder, 'killed'), ...arming }) });

  test('counts hits, kills at the n-th one before anything else happens, and only once for all instances', async () => {
    const kill = { name: 'append.committed', at: 3 };
    const first = child({ kill });
    expect(await first.ended).toBe('SIGKILL');
    expect(first.lines).toEqual(['turn 1', 'turn 2', 'turn 3']);
    expect(readHits(join(folder, 'hits'))).toEqual({ counts: new Map([['append.before', 3], ['append.committed', 3]]), killedAt: 'append.committed' });
    expect(await child({ kill }).ended).toBe(0);
    expect(readHits(join(folder, 'hits')).counts.get('append.before')).toBe(8);
    expect(await child({ kill, hits: join(folder, 'hits of another instance') }).ended).toBe(0);
  });

  test.each([[3_600_000, 1], [-3_600_000, -1]])('steps the wall clock by %i ms and leaves given times and the monotonic clock alone', async (clockMs, ahead) => {
    const stepped = child({ clockMs });
    expect(await stepped.line((line) => line.startsWith('year'))).toBe(`year 1970 ahead ${ahead} same true`);
    expect(readHits(join(folder, 'hits')).counts.get('clock.read')).toBe(1);
  });

  test('a clock that steps is right until the signal comes', async () => {
    const stepped = child({ clockMs: 3_600_000, clockSteps: true });
    expect(await stepped.line((line) => line.startsWith('year'))).toBe('year 1970 ahead 0 same true');
    expect(await stepped.line((line) => line.startsWith('stepped'))).toBe('stepped, ahead 1');
    expect(readHits(join(folder, 'hits')).counts.get('clock.read')).toBe(1);
  });
});

const message = (key: string, offset: number): ReceivedMessage => ({ topic: 't', partition: 0, offset: BigInt(offset), key, id: `${key}${offset}`, type: 'x', timeMs: 0, value: new Uint8Array(), headers: {} });
const page = ['a', 'b', 'a', 'c', 'b', 'a'].map(message);
const keysInOrder = (messages: readonly ReceivedMessage[]): string[] => ['a', 'b', 'c'].map((key) => messages.filter((one) => one.key === key).map(({ offset }) => offset).join());

describe('hostile deliveries', () => {
  test('mixing keeps every message once and the order of each key', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const draws = random(`mix ${seed}`);
      const out = mixed(page, (limit) => draws.intBelow(limit));
      expect(keysInOrder(out)).toEqual(keysInOrder(page));
      expect(out).toHaveLength(page.length);
    }
  });

  test('only what is done without a gap counts as resolved', () => {
    const resolved: bigint[] = [];
    const resolve = inOrder(page, ({ offset }) => resolved.push(offset));
    for (const index of [2, 1]) resolve(page[index] as ReceivedMessage);
    expect(resolved).toEqual([]);
    resolve(page[0] as ReceivedMessage);
    expect(resolved).toEqual([0n, 1n, 2n]);
  });

  test('a handler gets everything, ends of it again, and its commits are those of the log', async () => {
    const handled: ReceivedMessage[][] = [];
    const told: string[] = [];
    const resolved: bigint[] = [];
    const onBatch = hostile(async (batch: PartitionBatch) => {
      handled.push([...batch.messages]);
      batch.messages.forEach((one) => batch.resolve(one));
    }, random('handler'), (what) => told.push(what));
    const signal = AbortSignal.abort();
    for (let turn = 0; turn < 12; turn += 1) await onBatch({ topic: 't', partition: 0, messages: page, signal, resolve: ({ offset }) => void resolved.push(offset) });
    expect(handled.flat().length).toBeGreaterThan(12 * page.length);
    expect(new Set(told)).toEqual(new Set(['deliveries.delayed', 'deliveries.repeated', 'deliveries.mixed']));
    expect(resolved).toEqual(Array.from({ length: 12 }, () => page.map(({ offset }) => offset)).flat());
  });
});

describe('kills', () => {
  const hits = new Map([['arena/all', new Map([['relay.sent', 10]])], ['billing/all', new Map([['relay.sent', 1], ['job.claimed', 2]])]]);

  test('follow from the seed, stay within what was hit, and reach every process', () => {
    const drawn = Array.from({ length: 60 }, (_, seed) => drawKill('relay.sent', seed, hits));
    expect(drawn).toEqual(Array.from({ length: 60 }, (_, seed) => drawKill('relay.sent', seed, hits)));
    expect(new Set(drawn.map((kill) => kill?.process))).toEqual(new Set(hits.keys()));
    for (const kill of drawn) expect(kill?.at).toBeLessThanOrEqual(kill?.process === 'billing/all' ? 1 : 7);
    expect(drawKill('timer.done', 1, hits)).toBeUndefined();
  });

  test('arm the process that they name and no other', () => {
    const armed = armedWith([{ process: 'billing/all', failpoint: 'job.claimed', at: 2 }]);
    for (const index of [0, 1]) expect(armed({ service: 'billing', role: 'all', index })).toEqual({ kill: { name: 'job.claimed', at: 2 } });
    expect(armed({ service: 'billing', role: 'worker', index: 0 })).toEqual({});
    expect(armed({ service: 'arena', role: 'all', index: 0 })).toEqual({});
  });

  test('count on the fewest hits of some undisturbed runs, of the instance that has most', () => {
    const runs = [
      new Map([['arena/worker/0', new Map([['relay.sent', 3], ['timer.done', 1]])], ['arena/worker/1', new Map([['relay.sent', 9]])]]),
      new Map([['arena/worker/0', new Map([['relay.sent', 7]])], ['arena/worker/1', new Map([['relay.sent', 5]])]]),
    ];
    expect(steadyHits(runs)).toEqual(new Map([['arena/worker', new Map([['relay.sent', 7], ['timer.done', 0]])]]));
    expect(drawKill('timer.done', 1, steadyHits(runs))).toBeUndefined();
    expect(steadyTable(steadyHits(runs), ['relay.sent', 'timer.done']).map((line) => line.replace(/ +/g, ' '))).toEqual(['relay.sent arena/worker 7', 'timer.done nobody']);
  });

  test('are aimed nearer, down to the first hit', () => {
    const sooners = [];
    for (let kill = sooner({ process: 'arena/all', failpoint: 'x', at: 9 }); kill !== undefined; kill = sooner(kill)) sooners.push(kill.at);
    expect(sooners).toEqual([5, 3, 2, 1]);
  });

  test('share a run only where they hit different processes', () => {
    const tasks = ['a', 'b', 'a', 'c', 'b'].map((process) => ({ kill: { process, failpoint: 'x', at: 1 } }));
    expect(grouped(tasks, 2).map((group) => group.map(({ kill }) => kill.process).join(''))).toEqual(['ab', 'ac', 'b']);
    expect(grouped(tasks, 1)).toHaveLength(5);
  });
});

describe('runs of kills', () => {
  /** A suite whose processes never get beyond the `reached`-th hit. */
  const suite = (reached: number, played: Disturbance[]): Suite => ({
    steady: new Map([['arena/all', new Map([['relay.sent', 20]])]]), progress: () => undefined, verbose: false, late: () => false,
    attempt: async (disturbance) => {
      played.push(disturbance);
      const at = disturbance.arming?.({ service: 'arena', role: 'all', index: 0 }).kill?.at ?? 0;
      return { problems: [], facts: {}, hits: new Map(), killed: at <= reached ? ['arena/all at relay.sent'] : [], playedMs: 1, tookMs: 1, output: [] } satisfies Attempt;
    },
  } as Partial<Suite> as Suite);
  const seeds = [1, 2, 3, 4, 5];
  const step: Step = { name: 'relay.sent.kafka', failpoint: 'relay.sent' };

  test('a kill that does not come about is aimed nearer until it does', async () => {
    const played: Disturbance[] = [];
    const [line] = await killRuns(suite(1, played), [step], () => seeds, 1);
    expect(line).toMatchObject({ name: 'relay.sent.kafka', runs: 5, hits: 5, passed: 5, failed: 0 });
    expect(played.length).toBeGreaterThan(5);
  });

  test('when the time is over for what was struck already, only what was not is still run; later nothing is', async () => {
    const others: Step[] = [step, { name: 'relay.sent', failpoint: 'relay.sent' }];
    const played: Disturbance[] = [];
    const again = await killRuns({ ...suite(20, played), late: (again = false) => again }, others, () => seeds, 1);
    expect(again.map(({ runs, hits, failed }) => ({ runs, hits, failed }))).toEqual([{ runs: 1, hits: 1, failed: 0 }, { runs: 1, hits: 1, failed: 0 }]);
    const [never] = await killRuns({ ...suite(20, played), late: () => true }, [step], () => seeds, 1);
    expect(never).toMatchObject({ runs: 0, hits: 0, failed: 5 });
  });

  test('a step that is not reached fails with every seed that it was to be reached with', async () => {
    const [line] = await killRuns(suite(0, []), [step], () => seeds, 1);
    expect(line).toMatchObject({ runs: 5, hits: 0, passed: 0, failed: 5 });
    expect(line?.failures.map(({ problems }) => problems)).toEqual(seeds.map(() => ['the failpoint was not reached']));
  });
});

describe('the report', () => {
  test('a fault that never struck is a failure, one that cannot be done here is skipped', () => {
    const lines = [newLine('good', 'x'), newLine('never', 'x'), { ...newLine('elsewhere', 'x'), skipped: 'no Java' }, newLine('bad', 'x')] as const;
    Object.assign(lines[0], { runs: 2, hits: 2, passed: 2 });
    Object.assign(lines[1], { runs: 1, passed: 1 });
    Object.assign(lines[3], { runs: 2, hits: 2, passed: 1, failed: 1 });
    lines[3].failures.push({ seed: 7, story: 'arena at hit 3', problems: ['ranks: - 1'] });
    expect(lines.map(isGood)).toEqual([true, false, true, false]);
    expect(row(lines[2])).toContain('skipped: no Java');
    const told = closing(lines);
    expect(told).toContain('bad, seed 7 (arena at hit 3)');
    expect(told).toContain('  again: npm run chaos -- --only bad --seed 7 --verbose');
    expect(told.at(-1)).toBe('4 passed, 2 failed, 1 skipped');
    const undisturbed = [{ what: 'scenario', playedMs: 8_300 }, { what: 'scenario', playedMs: 10_040 }, { what: 'repairs', playedMs: 12_000 }];
    expect(closing(lines, '', undisturbed).slice(-4)).toEqual(['undisturbed, scenario: 8.3 s of play, within 10 s', 'undisturbed, scenario: 10.0 s of play, MORE THAN 10 s', 'undisturbed, repairs: 12.0 s of play', told.at(-1)]);
  });

  test('differences say what was expected and what was found', () => {
    expect(differences({ a: ['1', '2'], b: ['x'] }, { a: ['2', '3'], c: ['y'] })).toEqual(['a: - 1', 'a: + 3', 'b: - x', 'c: + y']);
    expect(differences({ a: ['1'] }, { a: ['1'] })).toEqual([]);
  });

  test('a line that stands there more or less often than it should is a difference', () => {
    expect(differences({ a: ['1'], b: ['x', 'x', 'y'] }, { a: ['1', '1'], b: ['y', 'x'] })).toEqual(['a: + 1', 'b: - x']);
  });
});

test('the command line: defaults, CI, help, and what is wrong with it', () => {
  expect(parseChaosOptions([])).toMatchObject({ seeds: 1, seed: 1, together: 1, ci: false });
  expect(parseChaosOptions(['--ci', '--seed', '9', '--only', 'relay', '--only', 'job'])).toMatchObject({ seeds: 2, seed: 9, together: 5, ci: true, only: ['relay', 'job'] });
  expect(parseChaosOptions(['--apart', '--steps'])).toMatchObject({ apart: true, steps: true });
  expect(() => parseChaosOptions(['--story', '--steps'])).toThrow('cannot be combined');
  expect(parseChaosOptions(['--help'])).toBe('help');
  expect(() => parseChaosOptions(['--seeds', 'many'])).toThrow('--seeds must be an integer');
});

test('several faults in one run: each strikes, an edge belongs to the first that wants it', async () => {
  const told: string[] = [];
  const part = (name: string, struck: number, port?: number) => ({
    story: name, struck: () => struck,
    disturbance: { cluster: { via: () => port }, during: () => void told.push(name), end: async () => void told.push(`${name} ends`), arming: () => (name === 'b' ? { clockMs: 5 } : {}) },
  });
  const { story, struck, disturbance } = combined([part('a', 2), part('b', 1, 7), part('c', 3, 8)]);
  await disturbance.during?.({} as Parameters<NonNullable<Disturbance['during']>>[0], 'now');
  await disturbance.end?.();
  const from = { service: 'arena', role: 'all', index: 0 } as const;
  expect([story, struck(new Map()), await disturbance.cluster?.via?.({ from, to: 'postgres', host: '', port: 1 }), disturbance.arming?.(from)]).toEqual(['a; b; c', 1, 7, { clockMs: 5 }]);
  expect(told).toEqual(['a', 'b', 'c', 'a ends', 'b ends', 'c ends']);
});

test('the story meets every family of faults that the scenario meets, but kills by name instead of step', () => {
  const kinds = new Set(storyFaults.map(({ name }) => name.split('.')[1]));
  for (const { name } of faults) expect(kinds).toContain(name.split('.')[0]);
});

test('a slice for CI has one of each family, and the seeds together reach all of them', () => {
  const family = (name: string): string => name.replace(/^((?:network|kafka|deliveries|clock|sigterm).*)\..*$/, '$1');
  for (let seed = 0; seed < 4; seed += 1) expect(sliceOf(faults, seed).map(({ name }) => family(name))).toEqual([...new Set(faults.map(({ name }) => family(name)))]);
  expect(new Set([0, 1, 2, 3].flatMap((seed) => sliceOf(faults, seed)))).toEqual(new Set(faults.filter(({ knownDefect }) => knownDefect === undefined)));
});

test('every failpoint is killed at; those that meet the event log, and what becomes of bad messages, with Kafka as well', () => {
  const on = (log: string): string[] => ACTS.filter((act) => act.log === log).flatMap(({ steps }) => steps.map(({ failpoint }) => failpoint));
  expect(on('embedded').sort()).toEqual([...Object.keys(FAILPOINTS), ...Object.keys(REPAIR_FAILPOINTS)].sort());
  expect(on('kafka').filter((name) => !/^(relay|consumer|inbox|letter|halt|repair|redrive)\.[a-z]+$/.test(name))).toEqual([]);
  expect(on('kafka')).toHaveLength(3 + 3 + 4 + Object.keys(REPAIR_FAILPOINTS).length);
  for (const step of ACTS.flatMap(({ steps }) => steps)) expect(describeStep(step)).toMatch(/.{10,} \| .{10,}/);
});

describe('whoever is asked to end', () => {
  const asked = (how: { code: number | null; signal: NodeJS.Signals | null }) => {
    const signals: unknown[] = [];
    return { signals, process: { name: 'arena/all/0', kill: (signal?: NodeJS.Signals) => void signals.push(signal), ended: Promise.resolve(how) } };
  };

  test('gets SIGTERM and is good where it ends with code 0', async () => {
    const { signals, process } = asked({ code: 0, signal: null });
    await askToEnd(process);
    expect(signals).toEqual(['SIGTERM']);
  });

  test.each([[{ code: 1, signal: null }, 'code 1'], [{ code: null, signal: 'SIGKILL' }, 'SIGKILL']] as const)('has failed with %j', async (how, told) => {
    await expect(askToEnd(asked(how).process)).rejects.toThrow(`arena/all/0 ended by SIGTERM with ${told}`);
  });
});

test('whoever is asked to end while it still starts may end by the signal, but not with an error, nor killed', async () => {
  const process = (code: number | null, signal: NodeJS.Signals | null) => ({ name: 'arena/all/0', kill: () => undefined, ended: Promise.resolve({ code, signal }) });
  await askToEnd(process(0, null), true);
  await askToEnd(process(null, 'SIGTERM'), true);
  await expect(askToEnd(process(null, 'SIGTERM'))).rejects.toThrow('SIGTERM');
  for (const one of [process(1, null), process(null, 'SIGKILL')]) await expect(askToEnd(one, true)).rejects.toThrow('ended by SIGTERM with');
});

test('clocks are drawn by process: two instances of a service never agree, and every service is met', () => {
  const drawn = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    const { clockMs } = clocksOf(random(`clocks ${seed}`));
    for (const service of ['arena', 'billing'] as const) for (const role of ['all', 'api', 'worker'] as const) {
      const [one, other] = [0, 1].map((index) => clockMs({ service, role, index }));
      expect(Math.abs((one ?? 0) - (other ?? 0))).toBe(7_200_000);
    }
    for (const service of SERVICES) if (clockMs({ service, role: 'all', index: 0 }) !== 0) drawn.add(service);
  }
  expect([...drawn].sort()).toEqual([...SERVICES].sort());
});

describe('a break of the network', () => {
  const proxy = (meets: number) => {
    let strikes = 0;
    return { strikes: () => strikes, proxy: { struck: () => ({ bytes: strikes >= meets ? 7 : 0, links: strikes >= meets ? 2 : 0 }), drop: () => void (strikes += 1), heal: () => undefined } as Partial<FaultProxy> as FaultProxy };
  };

  test('counts the bytes and connections that met it, and is done again until something has', async () => {
    const [at, later] = [proxy(1), proxy(3)];
    expect(await breakAll([at.proxy], (one) => one.drop(), 0)).toBe(9);
    expect(await breakAll([later.proxy], (one) => one.drop(), 0)).toBe(9);
    expect([at.strikes(), later.strikes()]).toEqual([1, 3]);
  });
});

test('people of a story in which all of a service starts anew on a busy machine wait longer than those of a demo', async () => {
  const { timeoutMs } = patience;
  try {
    await storyPlay.begin({} as Run);
    expect(patience.timeoutMs).toBeGreaterThanOrEqual(3 * timeoutMs);
  } finally {
    patience.timeoutMs = timeoutMs;
  }
});

test('no fault is named twice, nor as a step', () => {
  const names = [...[...faults, ...storyFaults].map(({ name }) => name), ...ACTS.flatMap(({ steps }) => steps.map(({ name }) => name))];
  expect(new Set(names).size).toBe(names.length);
});
