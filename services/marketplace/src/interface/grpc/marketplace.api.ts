import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  MarketplaceService, type CallSchema, type DeploymentSchema, type DeployRequest, type DeployResponseSchema, type GetDeploymentRequest, type GetModelRequest, type GetVersionRequest,
  type ListCallsRequest, type ListCallsResponseSchema, type ListModelsRequest, type ListModelsResponseSchema, type ListPricesRequest, type ListPricesResponseSchema, type ModelSchema,
  type ModelVersionSchema, type RegisterVersionRequest, type RegisterVersionResponseSchema,
} from '@skein/contracts/marketplace';
import type { EventStore, Executed } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import { EVENT_STORE, notFound, Rpc, type CallContext, type Identity } from '@skein/platform';
import { Deployments } from '../../application/deployments.js';
import { modelOf, versionName, versionOf } from '../../application/names.js';
import { QUERIES, type CallRow, type MarketplaceQueries } from '../../application/ports.js';
import { Registry } from '../../application/registry.js';
import type { DeploymentState } from '../../domain/deployment/deployment.decider.js';
import type { ModelVersion } from '../../domain/model/model.decider.js';
import { DEFAULT_WEIGHTS } from '../../domain/price/price.policy.js';

const PAGE_SIZE = 100;
const pageSize = (asked: number): number => (asked === 0 ? PAGE_SIZE : asked);

function walletOf(identity: Identity): string {
  if (identity.kind === 'wallet') return identity.wallet;
  throw new RejectionError({ code: 'permission-denied', rule: 'role', message: 'this call is for wallets' });
}

/** The registry, deployments, prices and calls. */
@Injectable()
export class MarketplaceApi {
  readonly #store: EventStore;
  readonly #registry: Registry;
  readonly #deployments: Deployments;
  readonly #queries: MarketplaceQueries;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(Registry) registry: Registry, @Inject(Deployments) deployments: Deployments, @Inject(QUERIES) queries: MarketplaceQueries) {
    this.#store = store;
    this.#registry = registry;
    this.#deployments = deployments;
    this.#queries = queries;
  }

  @Rpc(MarketplaceService.method.registerVersion)
  async registerVersion(request: RegisterVersionRequest, call: CallContext): Promise<MessageInitShape<typeof RegisterVersionResponseSchema>> {
    const { arenaTask = '', federatedTask = '', parents = [] } = request.lineage ?? {};
    const { licence, intendedUse } = request;
    const registration = { model: modelOf(request.model, 'model'), caller: walletOf(call.identity), lineage: { arenaTask, federatedTask, parents: [...parents] }, licence, intendedUse };
    const executed = await this.#registry.register(registration, call);
    return { version: versionMessage(executed.answer!), receipt: await this.#receipt(executed) };
  }

  @Rpc(MarketplaceService.method.getModel)
  async getModel(request: GetModelRequest): Promise<MessageInitShape<typeof ModelSchema>> {
    const state = await this.#registry.model(modelOf(request.name));
    if (state.owner === '') throw notFound('name');
    return { name: request.name, owner: state.owner, latestVersion: state.versions.length, aliases: Object.fromEntries(state.aliases) };
  }

  @Rpc(MarketplaceService.method.listModels)
  async listModels(request: ListModelsRequest): Promise<MessageInitShape<typeof ListModelsResponseSchema>> {
    const limit = pageSize(request.pageSize);
    const rows = await this.#queries.models(limit + 1, request.pageToken);
    const models = rows.slice(0, limit).map(({ model, owner, latest_version }) => ({ name: `models/${model}`, owner, latestVersion: latest_version }));
    return { models, nextPageToken: rows.length > limit ? rows[limit - 1]!.model : '' };
  }

  @Rpc(MarketplaceService.method.getVersion)
  async getVersion(request: GetVersionRequest): Promise<MessageInitShape<typeof ModelVersionSchema>> {
    const { model, version } = versionOf(request.name);
    return versionMessage(await this.#registry.version(model, version));
  }

  @Rpc(MarketplaceService.method.deploy)
  async deploy(request: DeployRequest, call: CallContext): Promise<MessageInitShape<typeof DeployResponseSchema>> {
    const { model, version } = versionOf(request.version, 'version');
    const { floorE15 = '0', rateE15 = '0', callsTarget = 1n, windowMs = 1_000n } = request.priceRule ?? {};
    const rule = { floorE15: BigInt(floorE15), rateE15: BigInt(rateE15), callsTarget: Number(callsTarget), windowMs: Number(windowMs), weights: DEFAULT_WEIGHTS };
    const executed = await this.#deployments.deploy({ model, version, caller: walletOf(call.identity), rule }, call);
    return { deployment: deploymentMessage(await this.#deployments.state(model)), receipt: await this.#receipt(executed) };
  }

  @Rpc(MarketplaceService.method.getDeployment)
  async getDeployment(request: GetDeploymentRequest): Promise<MessageInitShape<typeof DeploymentSchema>> {
    const state = await this.#deployments.state(modelOf(request.name.replace(/\/deployment$/, '')));
    if (state.version === 0) throw notFound('name');
    return deploymentMessage(state);
  }

  @Rpc(MarketplaceService.method.listPrices)
  async listPrices(request: ListPricesRequest): Promise<MessageInitShape<typeof ListPricesResponseSchema>> {
    const rows = await this.#queries.prices(modelOf(request.parent, 'parent'));
    const prices = rows.map((row) => ({
      version: row.price_version, unitPriceE15: row.unit_price_e15, multiplier: BigInt(row.multiplier), complexity: row.complexity, callsUsed: BigInt(row.calls_used),
      windowFromMs: BigInt(row.window_from_ms), windowToMs: BigInt(row.window_to_ms), cpuUs: BigInt(row.cpu_us), effectiveAtMs: BigInt(row.effective_at_ms),
    }));
    return { prices };
  }

  @Rpc(MarketplaceService.method.listCalls)
  async listCalls(request: ListCallsRequest, call: CallContext): Promise<MessageInitShape<typeof ListCallsResponseSchema>> {
    const own = call.identity.kind === 'organisation' ? call.identity.organisation : undefined;
    if (own !== undefined && request.customer !== '' && request.customer !== own) throw notFound('customer');
    const { rows, nextPageToken } = await this.#queries.calls(own ?? request.customer, pageSize(request.pageSize), request.pageToken);
    return { calls: rows.map(callMessage), nextPageToken };
  }

  async #receipt({ streamId, version }: Pick<Executed<unknown>, 'streamId' | 'version'>) {
    return { streamId, version: BigInt(version), position: await this.#store.positionOf(streamId, version) };
  }
}

const callMessage = (row: CallRow): MessageInitShape<typeof CallSchema> => ({
  reservationId: row.reservation_id, modelVersion: versionName(row.model, row.version), state: row.state, priceVersion: row.price_version, unitPriceE15: row.unit_price_e15,
  rows: BigInt(row.rows), chargedUnits: row.gross, customer: row.customer, startedAtMs: BigInt(row.started_at_ms),
});

const tensors = (specs: ModelVersion['inputs']) => specs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) }));

const versionMessage = (version: ModelVersion): MessageInitShape<typeof ModelVersionSchema> => ({
  name: versionName(version.model, version.version),
  artifactSha256: version.artifactSha256,
  lineage: { ...version.lineage, parents: [...version.lineage.parents] },
  developer: version.developer,
  shares: version.shares.map((share) => ({ class: share.class, payee: share.payee, bps: share.bps })),
  sharesVersion: version.sharesVersion,
  probe: {
    macs: BigInt(version.probe.macs), cpuUs: BigInt(version.probe.cpuUs), bytes: BigInt(version.probe.bytes),
    coldLoadUs: BigInt(version.probe.coldLoadUs), peakMemoryBytes: BigInt(version.probe.peakMemoryBytes),
  },
  licence: version.licence,
  intendedUse: version.intendedUse,
  inputs: tensors(version.inputs),
  outputs: tensors(version.outputs),
  registeredAtMs: BigInt(version.atMs),
});

function deploymentMessage({ model, version, rule, price }: DeploymentState): MessageInitShape<typeof DeploymentSchema> {
  return {
    name: `models/${model}/deployment`,
    version: versionName(model, version),
    ...(rule && { priceRule: { floorE15: String(rule.floorE15), rateE15: String(rule.rateE15), callsTarget: BigInt(rule.callsTarget), windowMs: BigInt(rule.windowMs) } }),
    ...(price && {
      price: {
        version: price.priceVersion, unitPriceE15: String(price.unitPriceE15), multiplier: price.multiplier, complexity: String(price.complexity),
        callsUsed: BigInt(price.window?.callsUsed ?? 0), windowFromMs: BigInt(price.window?.fromMs ?? 0), windowToMs: BigInt(price.window?.toMs ?? 0),
        cpuUs: BigInt(price.measures.cpuUs), effectiveAtMs: BigInt(price.atMs),
      },
    }),
  };
}
