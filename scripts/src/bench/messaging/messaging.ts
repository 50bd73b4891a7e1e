import { KAFKA_VERSION } from '@skein/embedded';
import { surroundings } from '../event-store/server.js';
import { ratioOf, spreadOf } from '../stats.js';
import { latencyOf, type LatencyFigures } from './latency.js';
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
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function throughput({ logs }: MessagingStage, rounds: number, messages: number): Promise<object> {
  const samples = new Map<string, Rates[]>([...logs.keys()].map((adapter) => [adapter, []]));
  const adapters = [...logs];
  for (let round = 0; round < rounds; round += 1) {
    for (const at of adapters.keys()) {
      const [adapter, url] = adapters[(at + round) % adapters.length]!;
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

async function latency({ postgres, logs }: MessagingStage, events: number): Promise<object> {
  const found: Record<string, LatencyFigures & { readonly met: boolean }> = {};
  for (const [adapter, url] of logs) {
    const figures = await latencyOf(postgres, adapter, url, events);
    found[adapter] = { ...figures, met: figures.p50 <= GOALS.p50Ms && figures.p99 <= GOALS.p99Ms };
    say(`append → visible ${adapter}: p50 ${figures.p50} ms, p99 ${figures.p99} ms`);
  }
  return found;
}

/** Throughput of every adapter in one run, and how long an event takes from its append into another service's read model. */
export function benchMessaging(options: MessagingBenchOptions): Promise<object> {
  return withLogs(async (stage) => {
    const around = await surroundings(stage.postgres);
    return {
      bench: 'messaging', ...around, ...(stage.withoutKafka === undefined ? { kafka: KAFKA_VERSION } : { withoutKafka: stage.withoutKafka }), rounds: options.rounds, goals: GOALS,
      latencyMs: await latency(stage, options.quick ? 100 : 500),
      throughput: await throughput(stage, options.rounds, options.quick ? 5_000 : 30_000),
    };
  }, options);
}
