import { Inject, Injectable } from '@nestjs/common';
import type { DueTimer, Effect, EventStore, Executed } from '@skein/events';
import { unwrap, RejectionError } from '@skein/kernel';
import { EVENT_STORE, notFound, type CallContext } from '@skein/platform';
import type { DeploymentState } from '../domain/deployment/deployment.decider.js';
import { deploymentDecider } from '../domain/deployment/deployment.decider.js';
import type { PriceRule } from '../domain/deployment/deployment.events.js';
import { deploymentStream } from './names.js';
import { QUERIES, type MarketplaceQueries } from './ports.js';
import { Registry } from './registry.js';

/** Kind of the timer that closes a demand window. */
export const DEMAND_WINDOW = 'demand-window';

interface WindowPayload {
  readonly model: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Lets calls that began before the end of the window reach the read model. */
const GRACE_MS = 250;
/** Reads of the demand wait this long for the read model. */
const CATCH_UP_MS = 5_000;

const windowTimer = (payload: WindowPayload): Effect => ({ timer: { id: `${DEMAND_WINDOW}-${payload.model}`, kind: DEMAND_WINDOW, dueAtMs: payload.toMs + GRACE_MS, payload } });

/**
 * The timer of the window after this one, in a transaction with what closing it led to. Where that was nothing because the
 * deployment has left the window behind, there is none: the timer that is there now belongs to a later window.
 */
export function nextWindow({ model, fromMs, toMs }: WindowPayload, events: readonly unknown[], { rule, windowFromMs }: Pick<DeploymentState, 'rule' | 'windowFromMs'>, nowMs: number): Effect[] {
  if (events.length === 0 && fromMs < windowFromMs) return [];
  const windowMs = rule?.windowMs ?? toMs - fromMs;
  const nextFromMs = nowMs - toMs > windowMs ? nowMs : toMs;
  return [windowTimer({ model, fromMs: nextFromMs, toMs: nextFromMs + windowMs })];
}

/** What is served, and its price. */
@Injectable()
export class Deployments {
  readonly #store: EventStore;
  readonly #registry: Registry;
  readonly #queries: MarketplaceQueries;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(Registry) registry: Registry, @Inject(QUERIES) queries: MarketplaceQueries) {
    this.#store = store;
    this.#registry = registry;
    this.#queries = queries;
  }

  async state(model: string): Promise<DeploymentState> {
    return (await this.#store.state(deploymentDecider, deploymentStream(model))).state;
  }

  async deploy(request: { model: string; version: number; caller: string; rule: PriceRule }, call: CallContext): Promise<Executed<undefined>> {
    const { model, version, caller, rule } = request;
    const registered = await this.#registry.model(model);
    const found = registered.versions[version - 1];
    if (!found) throw notFound('version');
    if (registered.owner !== caller) throw new RejectionError({ code: 'permission-denied', rule: 'model-owner', message: 'only the owner of the model deploys it', field: 'version' });
    const measures = { macs: found.probe.macs, cpuUs: found.probe.cpuUs, bytes: found.probe.bytes };
    return unwrap(
      await this.#store.execute({
        decider: deploymentDecider,
        streamId: deploymentStream(model),
        command: (nowMs) => ({ type: 'deploy' as const, model, version, rule, measures, nowMs }),
        metadata: call.metadata(),
        key: call.key('deploy'),
        effects: (events, state) => (events.length === 0 ? [] : [windowTimer({ model, fromMs: state.windowFromMs, toMs: state.windowFromMs + rule.windowMs })]),
      }),
    );
  }

  /** Closes a window with the calls that ran in it, and opens the next. A service that slept through several windows closes one. */
  async closeWindow(timer: DueTimer): Promise<void> {
    const { model, fromMs, toMs } = timer.payload as WindowPayload;
    await this.#queries.settled(CATCH_UP_MS);
    const demand = await this.#queries.demand(model, fromMs, toMs);
    let nowMs = 0;
    const measured = demand.cpuUs === undefined ? {} : { cpuUs: demand.cpuUs };
    unwrap(
      await this.#store.execute({
        decider: deploymentDecider,
        streamId: deploymentStream(model),
        command: (atMs) => {
          nowMs = atMs;
          return { type: 'close-window' as const, fromMs, toMs, callsUsed: demand.callsUsed, ...measured, nowMs };
        },
        metadata: { correlationId: timer.id, actor: 'service:marketplace' },
        effects: (events, state) => nextWindow({ model, fromMs, toMs }, events, state, nowMs),
      }),
    );
  }
}
