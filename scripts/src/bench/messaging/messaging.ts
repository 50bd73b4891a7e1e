import { setTimeout as sleep } from 'node:timers/promises';
import { KAFKA_VERSION } from '@skein/embedded';
import { surroundings } from '../event-store/server.js';
import { ratioOf, spreadOf } from '../stats.js';
import type { Passage } from './hops.js';
import { figuresOf, openLine, wholeMs, type Line } from './latency.js';
import { withLogs, type MessagingStage } from './stage.js';
import { ratesOf, type Rates } from './throughput.js';

/** How much is measured, and on which broker. */
export interface MessagingBenchOptions {
  readonly rounds: number;
  readonly quick: boolean;
  readonly brokers?: string;
  readonly cacheDir?: string;
}

const GOALS = { p50Ms: 15, p99Ms: 60 };
/** Events of each adapter before the first that counts. */
const WARM = 30;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function throughput({ logs }: MessagingStage, rounds: number, messages: number): Promise<object> {
  const samples = new Map<string, Rates[]>([...logs.keys()].map((adapter) => [adapter, []]));
  const adapters = [...logs];
  for (let round = 0; round < rounds; round += 1) {
    for (const [adapter, url] of inTurn(adapters, round)) {
      const rates = await ratesOf(url, messages);
      samples.get(adapter)?.push(rates);
      say(`throughput ${round + 1}/${rounds} ${adapter}: out ${Math.round(rates.out)}/s, in ${Math.round(rates.in)}/s`);
    }
  }
  const figures = (direction: keyof Rates): object => {
    const of = (adapter: string): number[] => (samples.get(adapter) ?? []).map((rates) => rates[direction]);
    return {
      perSecond: Object.fromEntries(adapters.map(([adapter]) => [adapter, spreadOf(of(adapter))])),
      overEmbedded: Object.fromEntries(adapters.filter(([adapter]) => adapter !== 'embedded').map(([adapter]) => [adapter, ratioOf(of(adapter), of('embedded'))])),
    };
  };
  return { messages, out: figures('out'), in: figures('in') };
}

const inTurn = <T>(all: readonly T[], turn: number): T[] => all.map((_, at) => all[(at + turn) % all.length]!);

async function openLines({ postgres, logs }: MessagingStage): Promise<Map<string, Line>> {
  const lines = new Map<string, Line>();
  for (const [adapter, url] of logs) lines.set(adapter, await openLine(postgres, adapter, url));
  return lines;
}

/** One event after the other, by each adapter in turn. */
async function passagesOf(lines: ReadonlyMap<string, Line>, events: number): Promise<Map<string, Passage[]>> {
  const passages = new Map<string, Passage[]>([...lines.keys()].map((adapter) => [adapter, []]));
  for (let n = -WARM; n < events; n += 1)
    for (const [adapter, line] of inTurn([...lines], n + WARM)) {
      const passage = await line.pass(`note ${n}`);
      if (n >= 0) passages.get(adapter)?.push(passage);
    }
  return passages;
}

/** CPU of each reader while nothing comes, as a share of one core. */
async function idleOf(lines: ReadonlyMap<string, Line>, seconds: number): Promise<Record<string, number>> {
  const used = async (): Promise<number[]> => Promise.all([...lines.values()].map((line) => line.cpuMs()));
  const before = await used();
  await sleep(seconds * 1_000);
  const after = await used();
  return Object.fromEntries([...lines.keys()].map((adapter, at) => [adapter, Number(((after[at]! - before[at]!) / (seconds * 1_000)).toFixed(5))]));
}

async function latency(stage: MessagingStage, quick: boolean): Promise<object> {
  const lines = await openLines(stage);
  try {
    const passages = await passagesOf(lines, quick ? 100 : 500);
    const embedded = passages.get('embedded')!.map(wholeMs);
    const figures = [...passages].map(([adapter, each]) => {
      const found = figuresOf(each);
      say(`append → visible ${adapter}: p50 ${found.p50} ms, p99 ${found.p99} ms`);
      return [adapter, { ...found, met: found.p50 <= GOALS.p50Ms && found.p99 <= GOALS.p99Ms, overEmbedded: ratioOf(each.map(wholeMs), embedded).median }] as const;
    });
    const seconds = quick ? 10 : 60;
    const idle = await idleOf(lines, seconds);
    for (const [adapter, share] of Object.entries(idle)) say(`idle ${adapter}: ${(share * 100).toFixed(2)} % of a core`);
    return { latencyMs: Object.fromEntries(figures), idle: { seconds, shareOfOneCoreOfAReader: idle } };
  } finally {
    await Promise.all([...lines.values()].map((line) => line.close()));
  }
}

/** Throughput of every adapter in one run, and how long an event takes from its append into another service's read model. */
export function benchMessaging(options: MessagingBenchOptions): Promise<object> {
  return withLogs(async (stage) => {
    const around = await surroundings(stage.postgres);
    return {
      bench: 'messaging', ...around, ...(stage.withoutKafka === undefined ? { kafka: KAFKA_VERSION } : { withoutKafka: stage.withoutKafka }), rounds: options.rounds, goals: GOALS,
      ...(await latency(stage, options.quick)),
      throughput: await throughput(stage, options.rounds, options.quick ? 5_000 : 30_000),
    };
  }, options);
}
