import { availableParallelism } from 'node:os';
import type { EmbeddedPostgres } from '@skein/embedded';
import { median, ratioOf, spreadOf, type Spread } from '../stats.js';
import { installedVersion } from '../versions.js';
import { bareContender, type LeftOut } from './bare.js';
import { filledLedgers, oneByOne, READ_MODELS } from './billing.js';
import { appendsPerSecond, commandsPerSecond, commandStreams, COMMAND_STREAM_EVENTS, fill, rebuildPerSecond } from './cases.js';
import type { Contender } from './contender.js';
import { costs, type Priced } from './cost.js';
import { emmettContender } from './emmett.js';
import { ladder } from './ladder.js';
import { otherServices, type Rebuildable } from './services.js';
import { skeinContender } from './skein.js';
import { surroundings, withServer } from './server.js';

/** How much is measured. */
export interface StoreBenchOptions {
  readonly rounds: number;
  readonly quick: boolean;
  /** Connections of each contender's pool. */
  readonly pool: number;
  /** Names of the cases to run; all where empty. */
  readonly only: readonly string[];
}

interface Sizes {
  readonly appends: number;
  readonly commands: number;
  readonly batches: number;
  readonly rebuild: number;
  readonly peerRebuild: number;
  /** Customers' ledgers of 100 paid calls for a rebuild in batches, and for one event by event. */
  readonly ledgers: number;
  readonly ledgersOneByOne: number;
}

// Emmett's pages are found by a scan and a sort of its whole table, so fewer events are a rebuild at its better pace; the last
// round is at the size of ours, once.
const FULL: Sizes = { appends: 6_000, commands: 400, batches: 160, rebuild: 200_000, peerRebuild: 20_000, ledgers: 500, ledgersOneByOne: 50 };
const QUICK: Sizes = { appends: 1_000, commands: 100, batches: 24, rebuild: 20_000, peerRebuild: 2_000, ledgers: 50, ledgersOneByOne: 5 };

type Samples = Map<string, number[]>;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Runs the contenders of a case one after the other, round by round, the first in turn a different one. */
async function interleave(name: string, rounds: number, contenders: readonly Contender[], run: (contender: Contender, round: number) => Promise<number>): Promise<Samples> {
  const samples: Samples = new Map(contenders.map((contender) => [contender.name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]!);
    for (const contender of order) samples.get(contender.name)?.push(await run(contender, round));
    say(`${name} ${round + 1}/${rounds}: ${[...samples].map(([who, values]) => `${who} ${Math.round(values.at(-1) ?? 0)}/s`).join(', ')}`);
  }
  return samples;
}

const of = (samples: Samples, name: string): number[] => samples.get(name) ?? [];

/** Figures of one case: rates per second, and our rate over the others' of the same round. */
export interface CaseFigures {
  readonly perSecond: Record<string, Spread>;
  readonly ratios: Record<string, { readonly ratio: Spread; readonly goal: number | null; readonly met: boolean | null }>;
}

/** Rates and ratios with their goals (`null`: reported only). */
export function figuresOf(samples: Samples, ratios: readonly (readonly [ours: string, theirs: string, goal: number | null])[]): CaseFigures {
  const compare = (ours: string, theirs: string, goal: number | null): CaseFigures['ratios'][string] => {
    const ratio = ratioOf(of(samples, ours), of(samples, theirs));
    return { ratio, goal, met: goal === null ? null : ratio.median >= goal };
  };
  return {
    perSecond: Object.fromEntries([...samples].map(([name, values]) => [name, spreadOf(values)])),
    ratios: Object.fromEntries(ratios.map(([ours, theirs, goal]) => [`${ours}/${theirs}`, compare(ours, theirs, goal)])),
  };
}

interface Setup {
  readonly skein: Contender;
  readonly emmett: Contender;
  readonly bare: Contender;
  readonly cold: Contender;
  readonly snapshot: Contender;
  readonly oneByOne: Contender;
  readonly ablated: readonly Contender[];
}

const ABLATIONS: readonly LeftOut[] = ['event-id-index', 'all-indexes-but-one', 'checks', 'json'];

async function open(server: EmbeddedPostgres, name: string, pool: number): Promise<Setup> {
  const ours = await server.createDatabase(`${name}_skein`);
  const theirs = await server.createDatabase(`${name}_emmett`);
  const skein = await skeinContender(ours.ownerUrl, ours.appUrl, pool);
  const cold = { ...(await skeinContender(ours.ownerUrl, ours.appUrl, pool, { cacheMax: 0 })), name: 'skein-cold' };
  const snapshot = { ...(await skeinContender(ours.ownerUrl, ours.appUrl, pool, { cacheMax: 0, snapshotEvery: 100 })), name: 'skein-cold-snapshot' };
  const oneByOne = { ...(await skeinContender(ours.ownerUrl, ours.appUrl, pool, { oneByOne: true })), name: 'skein-one-by-one' };
  const bare = await bareContender(ours.ownerUrl, pool);
  const ablated: Contender[] = [];
  if (name === 'batches') for (const leftOut of ABLATIONS) ablated.push(await bareContender(ours.ownerUrl, pool, leftOut));
  return { skein, cold, snapshot, oneByOne, emmett: await emmettContender(theirs.ownerUrl, pool), bare, ablated };
}

async function closeAll({ ablated, ...others }: Setup): Promise<void> {
  await Promise.all([...Object.values(others), ...ablated].map((contender) => contender.close()));
}

async function singles({ skein, emmett, bare }: Setup, sizes: Sizes, rounds: number): Promise<Record<string, CaseFigures>> {
  const figures: Record<string, CaseFigures> = {};
  for (const inFlight of [1, 8, 32]) {
    const name = `single-appends-${inFlight}-in-flight`;
    const samples = await interleave(name, rounds, [skein, emmett, bare], (contender, round) =>
      appendsPerSecond(contender, `s${inFlight}-${round}`, inFlight, inFlight === 1 ? sizes.appends / 3 : sizes.appends, 1));
    figures[name] = figuresOf(samples, [['skein', 'emmett', inFlight === 32 ? 3 : null], ['skein', 'insert', 0.6]]);
  }
  return figures;
}

async function commands({ skein, emmett, cold, snapshot }: Setup, sizes: Sizes, rounds: number): Promise<Record<string, CaseFigures>> {
  const samples = await interleave('command-on-300-events', rounds, [skein, emmett, cold, snapshot], async (contender, round) => {
    const streams = await commandStreams(contender, `${contender.name}-${round}`);
    return commandsPerSecond(contender, streams, sizes.commands / 10, COMMAND_STREAM_EVENTS);
  });
  return { 'command-on-300-events': figuresOf(samples, [['skein', 'emmett', 10], ['skein-cold', 'emmett', null], ['skein-cold-snapshot', 'skein-cold', null]]) };
}

async function batches({ skein, emmett, bare, ablated }: Setup, sizes: Sizes, rounds: number): Promise<Record<string, CaseFigures>> {
  const figures: Record<string, CaseFigures> = {};
  for (const inFlight of [1, 8]) {
    const name = `batches-of-100-${inFlight}-in-flight`;
    const samples = await interleave(name, rounds, [skein, emmett, bare, ...ablated], (contender, round) => appendsPerSecond(contender, `b${inFlight}-${round}`, inFlight, sizes.batches, 100));
    // What the rows themselves cost, without versions, locks and positions, is the limit of any store that keeps them; and
    // what of that each index, check and the checking of JSON is.
    const limits = ablated.map(({ name: without }): [string, string, null] => [without, 'emmett', null]);
    figures[name] = figuresOf(samples, [['skein', 'emmett', 3], ['skein', 'insert', null], ['insert', 'emmett', null], ...limits]);
  }
  return figures;
}

async function rebuilds(setup: Setup, sizes: Sizes, rounds: number): Promise<Record<string, object>> {
  const events = new Map([[setup.skein.name, sizes.rebuild], [setup.oneByOne.name, sizes.rebuild], [setup.emmett.name, sizes.peerRebuild]]);
  for (const contender of [setup.skein, setup.emmett]) await fill(contender, events.get(contender.name) ?? 0, contender === setup.emmett ? 1 : 8);
  const samples = await interleave('projection-rebuild', rounds, [setup.skein, setup.emmett, setup.oneByOne], (contender) => rebuildPerSecond(contender, events.get(contender.name) ?? 0));
  const atFullSize = await peerAtFullSize(setup, sizes, of(samples, 'emmett'));
  return {
    'projection-rebuild': {
      ...figuresOf(samples, [['skein', 'emmett', 3], ['skein-one-by-one', 'emmett', null]]), events: Object.fromEntries(events),
      peerOnce: { events: sizes.rebuild, perSecond: Math.round(atFullSize), overFewer: Number((atFullSize / median(of(samples, 'emmett'))).toPrecision(3)), skeinOverIt: Number((median(of(samples, 'skein')) / atFullSize).toPrecision(3)) },
    },
  };
}

/** The peer once over as many events as ours: whether its pace at fewer is its better one is then a measurement. */
async function peerAtFullSize({ emmett }: Setup, sizes: Sizes, few: readonly number[]): Promise<number> {
  await fill(emmett, sizes.rebuild, 1, sizes.peerRebuild);
  const rate = await rebuildPerSecond(emmett, sizes.rebuild);
  say(`rebuild by emmett of ${sizes.rebuild} events: ${Math.round(rate)}/s; of ${sizes.peerRebuild}: ${Math.round(median(few))}/s`);
  return rate;
}

const REBUILD_GOAL = 50_000;

/** Read models of real services by their `applyBatch`, and billing's event by event, too; the goal is theirs. */
async function readModels(server: EmbeddedPostgres, sizes: Sizes, options: StoreBenchOptions): Promise<Record<string, object>> {
  const many = await filledLedgers(server, 'billing_many', sizes.ledgers, options.pool);
  const few = await filledLedgers(server, 'billing_few', sizes.ledgersOneByOne, options.pool);
  const others = await otherServices(server, sizes.ledgers * 200, options.pool);
  const inBatches: readonly Rebuildable[] = [...READ_MODELS.map((projection) => ({ projection, store: many })), ...others];
  const samples: Samples = new Map();
  const note = (name: string, rate: number): void => void samples.set(name, [...of(samples, name), rate]);
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { projection, store } of inBatches) note(projection.name, await store.rebuildPerSecond(projection));
    for (const projection of READ_MODELS) note(`${projection.name}-one-by-one`, await few.rebuildPerSecond(oneByOne(projection)));
    say(`rebuild ${round + 1}/${options.rounds}: ${[...samples].map(([name, rates]) => `${name} ${Math.round(rates.at(-1) ?? 0)}/s`).join(', ')}`);
  }
  for (const { projection, store } of inBatches) await store.check(oneByOne(projection));
  await Promise.all([many, few, ...others.map(({ store }) => store)].map((store) => store.close()));
  const figures = figuresOf(samples, READ_MODELS.map(({ name }) => [name, `${name}-one-by-one`, null]));
  const slowest = Math.min(...inBatches.map(({ projection: { name } }) => figures.perSecond[name]?.median ?? 0));
  return { 'services-read-models-rebuild': { ...figures, perSecondGoal: REBUILD_GOAL, perSecondMet: slowest >= REBUILD_GOAL } };
}

/** Nobody wins by doing nothing: whoever was given the same appends has the same number of events. */
async function checkCounts({ skein, emmett }: Setup): Promise<number> {
  const [ours, theirs] = await Promise.all([skein.count(), emmett.count()]);
  if (ours !== theirs) throw new Error(`skein holds ${ours} events, Emmett ${theirs}`);
  return ours;
}

/** Processor time of an append, one in flight, by each contender and by each step from the bare row to the store's statement. */
async function costCases(server: EmbeddedPostgres, sizes: Sizes, options: StoreBenchOptions): Promise<Record<string, object>> {
  const setup = await open(server, 'cost', options.pool);
  const { ownerUrl } = await server.createDatabase('cost_steps');
  const steps = await ladder(ownerUrl, options.pool);
  const priced = (database: string, ...contenders: readonly Contender[]): Priced[] => contenders.map((contender) => ({ contender, database }));
  const contenders = [...priced('cost_skein', setup.bare, setup.skein), ...priced('cost_emmett', setup.emmett)];
  const singles = await costs(server, [...contenders, ...priced('cost_steps', ...steps.steps)], { rounds: options.rounds, appends: sizes.appends / 3, size: 1 }, say);
  const batches = await costs(server, contenders, { rounds: options.rounds, appends: sizes.batches, size: 100 }, say);
  await steps.close();
  await closeAll(setup);
  return { 'cost-of-a-single-append-us': singles, 'cost-of-a-batch-of-100-us': batches };
}

const CASES = { appends: singles, batches } as const;

async function measure(server: EmbeddedPostgres, options: StoreBenchOptions): Promise<object> {
  const sizes = options.quick ? QUICK : FULL;
  const wanted = (name: string): boolean => options.only.length === 0 || options.only.includes(name);
  const cases: Record<string, object> = {};
  const counts: Record<string, number> = {};
  for (const [name, run] of Object.entries(CASES)) {
    if (!wanted(name)) continue;
    const setup = await open(server, name, options.pool);
    Object.assign(cases, await run(setup, sizes, options.rounds));
    counts[name] = await checkCounts(setup);
    await closeAll(setup);
  }
  for (const [name, run] of Object.entries({ commands, rebuild: rebuilds })) {
    if (!wanted(name)) continue;
    const setup = await open(server, name, options.pool);
    Object.assign(cases, await run(setup, sizes, options.rounds));
    await closeAll(setup);
  }
  if (wanted('cost')) Object.assign(cases, await costCases(server, sizes, options));
  if (wanted('rebuild')) Object.assign(cases, await readModels(server, sizes, options));
  return { cases, eventsInEachStore: counts };
}

/** `npm run bench -- event-store`: our store, Emmett and bare inserts on one PostgreSQL without fsync, in turns. */
export async function benchEventStore(options: StoreBenchOptions): Promise<object> {
  return withServer(async (server) => ({
    bench: 'event-store',
    versions: { ...(await surroundings(server)), emmett: installedVersion('@event-driven-io/emmett'), 'emmett-postgresql': installedVersion('@event-driven-io/emmett-postgresql'), pg: installedVersion('pg') },
    cores: availableParallelism(), pool: options.pool, rounds: options.rounds, quick: options.quick, fsync: false,
    ...(await measure(server, options)),
  }));
}
