import { parseArgs } from 'node:util';

const HELP = `npm run bench -- <name> [options]

Each prints one JSON object on stdout, and what it is doing on stderr.

  boot                       milliseconds from start to ready in an empty folder, and memory (PSS, MiB)
    --port-base N            first port (default 27400)
  federation --seeds N       what federation learns, over seeds 0 … N-1 (default 30), by the services' own deciders and kernels
  event-store                appends, commands, batches and rebuild against Emmett and bare inserts on one PostgreSQL, fsync off
    --quick                  a slice, for CI
    --rounds N               interleaved rounds (default 5; with --quick 2)
    --pool N                 connections of each contender (default 8)
    --only a,b               of appends, batches, commands, rebuild, cost (processor time of an append)
  services                   sustained commands through HTTP on one service (rps at p99 of at most 100 ms), three times as many, and its profile
    --quick                  a slice, for CI
    --rounds N               interleaved rounds (default 5; with --quick 1)
    --fsync                  flush to disk at each commit
  growth                     appends per second and command latency with 10^4, 10^5, 10^6 events in the store, and memory;
                             commands on ledgers of customers with 10^3, 10^4, 10^5 paid calls, cold and warm, and their heap
    --quick                  a slice, for CI
    --rounds N               interleaved rounds (default 5; with --quick 1)
    --full                   and with 10^7 events
    --only a,b               of stores, customers
    --folder PATH            where the data goes meanwhile (default: the folder for temporary files)
  messaging                  append → visible in another service by hop, and messages per second of each event log (Kafka: KAFKA_BROKERS or Maven jars)
    --quick                  a slice, for CI
    --rounds N               interleaved rounds (default 5; with --quick 1)
  contracts                  gas of each call that users pay for, from the receipts of a devnet
  as-of                      positions, pages of stakes and sums at a past block, of 1 000 000 facts, by index alone; and how fast those facts become rows
    --quick                  of 100 000 facts, for CI
  indexer                    events per second of a backfill of 200 000 real stakes into read models, Ponder's on the same chain round by round beside it,
                             how soon a block's stake is seen, and as-of; Ponder is installed into the folder for temporary files where npm finds it
    --quick                  a slice without Ponder, for CI
    --rounds N               backfills, each into a fresh database (default 3; with --quick 1)
    --only a,b               of backfill, peer (a backfill, and Ponder's), live, as-of
  tracing                    the story with and without spans: time, CPU time and memory of Skein, pair by pair
    --rounds N               pairs (default 5)
    --target, --event-log, --port-base   as of idle
  idle                       CPU of all processes at rest, as a share of one core
    --seconds N              of all rounds together (default 60)
    --rounds N               one after the other (default 3)
    --target all-in-one|cluster
    --event-log kafka|embedded   of a cluster
    --port-base N            first port (default 27400)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '30' },
    'port-base': { type: 'string', default: '27400' },
    quick: { type: 'boolean', default: false },
    fsync: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    pool: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
    folder: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    target: { type: 'string', default: 'all-in-one' },
    'event-log': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`--${option} is one of ${allowed.join(', ')}`);
  return found;
}

// Imported when asked for: one bench's libraries are no other's memory.
const BENCHES: Record<string, () => Promise<object>> = {
  boot: async () => (await import('./boot.js')).benchBoot(Number(values['port-base'])),
  federation: async () => (await import('./federation.js')).benchFederation(Number(values.seeds)),
  services: async () => (await import('./services/services.js')).benchServices({ rounds: Number(values.rounds ?? (values.quick ? 1 : 5)), quick: values.quick, fsync: values.fsync }),
  messaging: async () =>
    (await import('./messaging/messaging.js')).benchMessaging({
      rounds: Number(values.rounds ?? (values.quick ? 1 : 5)), quick: values.quick,
      ...(process.env['KAFKA_BROKERS'] ? { brokers: process.env['KAFKA_BROKERS'] } : {}), ...(process.env['SKEIN_CACHE'] ? { cacheDir: process.env['SKEIN_CACHE'] } : {}),
    }),
  growth: async () =>
    (await import('./growth/growth.js')).benchGrowth({
      full: values.full, quick: values.quick, rounds: Number(values.rounds ?? (values.quick ? 1 : 5)), only: values.only.split(',').filter(Boolean),
      ...(values.folder === undefined ? {} : { folder: values.folder }),
    }),
  idle: async () =>
    (await import('./idle/idle.js')).benchIdle({
      target: oneOf('target', values.target, ['all-in-one', 'cluster']), seconds: Number(values.seconds), rounds: Number(values.rounds ?? 3), portBase: Number(values['port-base']),
      ...(values['event-log'] === undefined ? {} : { eventLog: oneOf<'kafka' | 'embedded'>('event-log', values['event-log'], ['kafka', 'embedded']) }),
    }),
  contracts: async () => (await import('./contracts/contracts.js')).benchContracts(),
  tracing: async () =>
    (await import('./tracing/tracing.js')).benchTracing({
      rounds: Number(values.rounds ?? 5), target: oneOf('target', values.target, ['all-in-one', 'cluster']), portBase: Number(values['port-base']),
      ...(values['event-log'] === undefined ? {} : { eventLog: oneOf<'kafka' | 'embedded'>('event-log', values['event-log'], ['kafka', 'embedded']) }),
    }),
  'as-of': async () => (await import('./as-of/as-of.js')).benchAsOf({ facts: values.quick ? 100_000 : 1_000_000 }),
  indexer: async () =>
    (await import('./indexer/indexer.js')).benchIndexer({ rounds: Number(values.rounds ?? (values.quick ? 1 : 3)), quick: values.quick, only: values.only.split(',').filter(Boolean) }),
  'event-store': async () =>
    (await import('./event-store/event-store.js')).benchEventStore({
      rounds: Number(values.rounds ?? (values.quick ? 2 : 5)), quick: values.quick, pool: Number(values.pool), only: values.only.split(',').filter(Boolean),
    }),
};

async function bench(name: string | undefined): Promise<object> {
  const run = BENCHES[name ?? ''];
  if (run === undefined) throw new Error(`unknown bench "${name ?? ''}"\n${HELP}`);
  return run();
}

if (values.help) process.stdout.write(HELP);
else
  bench(positionals[0]).then(
    (figures) => process.stdout.write(`${JSON.stringify(figures)}\n`),
    (error: Error) => {
      process.stderr.write(`${error.stack ?? error.message}\n`);
      process.exitCode = 1;
    },
  );
