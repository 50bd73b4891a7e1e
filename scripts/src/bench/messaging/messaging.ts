import { setTimeout as sleep } from 'node:timers/promises';
import { KAFKA_VERSION } from '@skein/embedded';
import { surroundings } from '../event-store/server.js';
import { ratioOf, spreadOf, type Spread } from '../stats.js';
import { installedVersion, MESSAGING } from '../versions.js';
import type { Passage } from './hops.js';
import { figuresOf, openLine, wholeMs, type LatencyFigures, type Line } from './latency.js';
import { withLogs, type MessagingStage } from './stage.js';
import { ratesOf, type Rates } from './throughput.js';

/** How much is measured, and on which broker. */
export interface MessagingBenchOptions {
  readonly rounds: number;
  readonly quick: boolean;
  readonly brokers?: string;
  readonly cacheDir?: string;
}

/** Fewer rounds have no spread. */
const LATENCY_ROUNDS_MIN = 3;
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

/** One event after the other, by each adapter in turn; the rounds of each adapter. */
async function passagesOf(lines: ReadonlyMap<string, Line>, rounds: number, events: number): Promise<Map<string, Passage[][]>> {
  const passages = new Map<string, Passage[][]>([...lines.keys()].map((adapter) => [adapter, Array.from({ length: rounds }, () => [])]));
  for (let n = -WARM; n < rounds * events; n += 1)
    for (const [adapter, line] of inTurn([...lines], n + WARM)) {
      const passage = await line.pass(`note ${n}`);
      if (n >= 0) passages.get(adapter)?.[Math.floor(n / events)]?.push(passage);
    }
  return passages;
}

/** CPU of each reader while nothing comes, as a share of one core, slice by slice. */
async function idleOf(lines: ReadonlyMap<string, Line>, seconds: number, slices: number): Promise<Record<string, Spread>> {
  const used = async (): Promise<number[]> => Promise.all([...lines.values()].map((line) => line.cpuMs()));
  const shares: number[][] = [...lines].map(() => []);
  for (let slice = 0; slice < slices; slice += 1) {
    const before = await used();
    await sleep((seconds / slices) * 1_000);
    const after = await used();
    for (const [at, each] of shares.entries()) each.push((after[at]! - before[at]!) / ((seconds / slices) * 1_000));
  }
  return Object.fromEntries([...lines.keys()].map((adapter, at) => [adapter, spreadOf(shares[at]!)]));
}

function judged(adapter: string, rounds: readonly Passage[][]): LatencyFigures & { readonly met: boolean } {
  const found = figuresOf(rounds);
  say(`append → visible ${adapter}: p50 ${found.p50} ms (rounds ${found.p50ByRound.min} … ${found.p50ByRound.max}), p99 ${found.p99} ms (${found.p99ByRound.min} … ${found.p99ByRound.max})`);
  return { ...found, met: found.p50 <= GOALS.p50Ms && found.p99 <= GOALS.p99Ms };
}

interface LatencyOptions {
  readonly rounds: number;
  readonly events: number;
  readonly idleSeconds: number;
}

async function latency(stage: MessagingStage, { rounds, events, idleSeconds }: LatencyOptions): Promise<object> {
  const lines = await openLines(stage);
  try {
    const passages = await passagesOf(lines, rounds, events);
    const embedded = passages.get('embedded')!.flat().map(wholeMs);
    const figures = [...passages].map(([adapter, each]) => [adapter, { ...judged(adapter, each), overEmbedded: ratioOf(each.flat().map(wholeMs), embedded).median }] as const);
    const idle = await idleOf(lines, idleSeconds, rounds);
    for (const [adapter, share] of Object.entries(idle)) say(`idle ${adapter}: ${(share.median * 100).toFixed(2)} % of a core (${(share.min * 100).toFixed(2)} … ${(share.max * 100).toFixed(2)})`);
    return { latencyMs: Object.fromEntries(figures), idle: { seconds: idleSeconds, shareOfOneCoreOfAReader: idle } };
  } finally {
    await Promise.all([...lines.values()].map((line) => line.close()));
  }
}

/** Throughput of every adapter in one run, and how long an event takes from its append into another service's read model. */
export function benchMessaging(options: MessagingBenchOptions): Promise<object> {
  return withLogs(async (stage) => {
    const around = await surroundings(stage.postgres);
    const how: LatencyOptions = { rounds: Math.max(LATENCY_ROUNDS_MIN, options.rounds), events: options.quick ? 33 : 100, idleSeconds: options.quick ? 12 : 60 };
    const clients = Object.fromEntries(['kafkajs', '@platformatic/kafka', 'pg'].map((name) => [name, installedVersion(name, MESSAGING)]));
    return {
      bench: 'messaging', ...around, clients, latencyRounds: how.rounds,
      ...(stage.withoutKafka === undefined ? (options.brokers ? { brokers: 'given' } : { kafka: KAFKA_VERSION }) : { withoutKafka: stage.withoutKafka }), rounds: options.rounds, goals: GOALS,
      ...(await latency(stage, how)),
      throughput: await throughput(stage, options.rounds, options.quick ? 5_000 : 30_000),
    };
  }, options);
}
