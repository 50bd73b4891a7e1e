import type { EmbeddedPostgres } from '@skein/embedded';
import type { Projection } from '@skein/events';
import type { DomainEvent } from '@skein/kernel';
import { FilledStore } from './filled.js';

const AT_MS = 1_790_000_000_000;
const OWNERS = 20;
const SUBMISSIONS_PER_EPOCH = 50;
const CUSTOMERS = 50;

const uuidOf = (kind: number, n: number): string => `${String(kind).padStart(8, '0')}-0000-8000-8000-${String(n).padStart(12, '0')}`;
const typed = (type: string, data: unknown): DomainEvent => ({ type, data });

/** An epoch of a task as arena's log has it: every submission committed, revealed, admitted and scored, and the epoch closed. */
function epochLog(nr: number): DomainEvent[] {
  const task = { taskId: uuidOf(1, nr >> 3), epoch: (nr & 7) + 1 };
  const submissions = Array.from({ length: SUBMISSIONS_PER_EPOCH }, (_, at) => ({ ...task, submissionId: uuidOf(2, nr * SUBMISSIONS_PER_EPOCH + at), owner: `eip155:1:0x${at % OWNERS}` }));
  const each = (type: string, more: (at: number) => object): DomainEvent[] => submissions.map((one, at) => typed(`skein.arena.submission.${type}.v1`, { ...one, ...more(at) }));
  const standings = submissions.map(({ submissionId, owner }, at) => ({ rank: at + 1, owner, submissionId, scoreNano: 900_000_000n - BigInt(at), boardScoreNano: 900_000_000n }));
  return [
    ...each('committed', (at) => ({ commit: 'c'.repeat(64), order: at, committedAtMs: AT_MS })),
    ...each('revealed', () => ({ artifactSha256: 'a'.repeat(64), revealedAtMs: AT_MS })),
    ...each('admitted', () => ({ parameters: 9, opset: 17 })),
    typed('skein.arena.epoch.reveals-closed.v1', { ...task, reason: 'all-acted' }),
    typed('skein.arena.epoch.scoring-requested.v1', { ...task, submissions: submissions.map(({ submissionId, owner }, order) => ({ submissionId, owner, artifactSha256: 'a'.repeat(64), order })) }),
    ...each('scored', (at) => ({ outcome: 'counted', scoreNano: 900_000_000n - BigInt(at), boardScoreNano: 900_000_000n, shares: [] })),
    typed('skein.arena.epoch.closed.v1', { ...task, standings, rewards: [], validators: [], stakes: [], entries: [], quotaCredits: [], closedAtMs: AT_MS }),
  ];
}

const CALLS = 60;

/** Calls as marketplace's log has them: started, run, charged; every tenth given up. */
function callsLog(nr: number): DomainEvent[] {
  return Array.from({ length: CALLS }, (_, at): DomainEvent[] => {
    const n = nr * CALLS + at;
    const [callId, reservationId] = [uuidOf(3, n), uuidOf(4, n)];
    const pins = { callId, reservationId, customer: `customers/${uuidOf(5, n % CUSTOMERS)}`, keyId: 'k', model: `models/${uuidOf(6, n % 20)}`, version: 1, priceVersion: 1, unitPriceE15: 1_001_000_000n, rows: 3, amountMax: 9_000n };
    const started = typed('skein.marketplace.call.started.v1', { ...pins, attempt: 1, requestSha256: 'b'.repeat(64), leaseUntilMs: AT_MS, atMs: AT_MS });
    if (n % 10 === 9) return [started, typed('skein.marketplace.call.voided.v1', { callId, reservationId, customer: pins.customer, reason: 'failed', atMs: AT_MS })];
    return [started, typed('skein.marketplace.call.ran.v1', { ...pins, cpuUs: 900, computeCostE15: 300_000_000n, atMs: AT_MS }), typed('skein.marketplace.call.captured.v1', { callId, reservationId, gross: 4_000n, atMs: AT_MS })];
  }).flat();
}

/** A read model of another service by its `applyBatch`, and a piece of the log that it is made from. */
interface Model {
  readonly service: string;
  readonly projection: string;
  readonly exported: string;
  readonly log: (nr: number) => DomainEvent[];
}

const MODELS: readonly Model[] = [
  { service: 'arena', projection: 'arena_submissions', exported: 'arenaProjections', log: epochLog },
  { service: 'marketplace', projection: 'calls', exported: 'marketplaceProjections', log: callsLog },
];

// As the service is started, from its build: this workspace does not depend on them.
async function projectionOf({ service, projection, exported }: Model): Promise<Projection> {
  const module = (await import(new URL(`../../../../services/${service}/dist/index.js`, import.meta.url).href)) as Record<string, readonly Projection[] | undefined>;
  const found = module[exported]?.find(({ name }) => name === projection);
  if (found?.applyBatch === undefined) throw new Error(`${service} has no read model ${projection} in batches`);
  return found;
}

/** A filled store and the read model that is rebuilt from it. */
export interface Rebuildable {
  readonly projection: Projection;
  readonly store: FilledStore;
}

/** Read models of other services beside billing's, each with a store of about so many events. */
export async function otherServices(server: EmbeddedPostgres, events: number, poolMax: number): Promise<Rebuildable[]> {
  const all: Rebuildable[] = [];
  for (const model of MODELS) {
    const store = await FilledStore.open(server, `rebuild_${model.service}`, poolMax);
    for (let [nr, written] = [0, 0]; written < events; nr += 1) written += await store.append(`bench-${nr}`, model.log(nr));
    await store.settle();
    all.push({ projection: await projectionOf(model), store });
  }
  return all;
}
