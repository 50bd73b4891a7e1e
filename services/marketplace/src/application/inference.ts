import { Inject, Injectable } from '@nestjs/common';
import { CreditService } from '@skein/contracts/billing/internal';
import type { EventMetadata, EventStore } from '@skein/events';
import { reject, RejectionError, sha256Hex, unwrap, uuidV8From, type IdSource } from '@skein/kernel';
import { CONFIG, EVENT_STORE, GRPC_CLIENTS, IDS, notFound, type CallContext, type Client, type GrpcClients, type Settings } from '@skein/platform';
import type { InferOutcome, Runner } from '@skein/runner';
import type { CallState } from '../domain/call/call.decider.js';
import { callDecider } from '../domain/call/call.decider.js';
import type { CallRan, CallStarted, Pins } from '../domain/call/call.events.js';
import type { ModelVersion } from '../domain/model/model.decider.js';
import { chargeMax, complexity } from '../domain/price/price.policy.js';
import { CODECS, datatypeOf } from '../domain/tensor/datatype.js';
import { checkInputs, type Tensor, type TensorInput } from '../domain/tensor/tensor.js';
import { callTimers } from './call-timers.js';
import { Deployments } from './deployments.js';
import { callStream, versionName } from './names.js';
import { CALLER_KEYS, MODEL_FILES, RUNNER, type CallerKeys, type ModelFiles } from './ports.js';
import { Registry } from './registry.js';
import type { MarketplaceSettings } from './settings.js';

/** An inference as any protocol asks for it. */
export interface InferenceRequest {
  readonly model: string;
  /** Empty for the deployed one. */
  readonly version: string;
  readonly inputs: readonly TensorInput[];
  /** Names of outputs; empty for all. */
  readonly outputs: readonly string[];
  /** USD units of 10^-9. */
  readonly maxPrice?: bigint;
}

/** The answer and what it cost. */
export interface InferenceAnswer {
  readonly model: string;
  readonly version: number;
  readonly outputs: readonly Tensor[];
  readonly reservationId: string;
  readonly priceVersion: number;
  readonly unitPriceE15: bigint;
  readonly rows: number;
  /** What was charged, USD units of 10^-9. */
  readonly gross: bigint;
}

/** Outputs as they are stored with the idempotency key. */
type StoredTensor = Omit<Tensor, 'data'> & { readonly base64: string };

const store = ({ data, ...tensor }: Tensor): StoredTensor => ({ ...tensor, base64: Buffer.from(data).toString('base64') });
const restore = ({ base64, ...tensor }: StoredTensor): Tensor => ({ ...tensor, data: new Uint8Array(Buffer.from(base64, 'base64')) });

interface Prepared {
  readonly callId: string;
  readonly request: InferenceRequest;
  readonly registered: ModelVersion;
  readonly tensors: readonly Tensor[];
  readonly requestSha256: string;
  readonly metadata: EventMetadata;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Paid inference: reserve → run → capture or void, once per idempotency key whoever dies on the way. */
@Injectable()
export class Inference {
  readonly #store: EventStore;
  readonly #ids: IdSource;
  readonly #registry: Registry;
  readonly #deployments: Deployments;
  readonly #files: ModelFiles;
  readonly #keys: CallerKeys;
  readonly #runner: Pick<Runner, 'infer'>;
  readonly #credit: Client<typeof CreditService>;
  readonly #settings: MarketplaceSettings;

  constructor(
    @Inject(EVENT_STORE) eventStore: EventStore,
    @Inject(IDS) ids: IdSource,
    @Inject(Registry) registry: Registry,
    @Inject(Deployments) deployments: Deployments,
    @Inject(MODEL_FILES) files: ModelFiles,
    @Inject(CALLER_KEYS) keys: CallerKeys,
    @Inject(RUNNER) runner: Pick<Runner, 'infer'>,
    @Inject(GRPC_CLIENTS) clients: GrpcClients,
    @Inject(CONFIG) settings: Settings,
  ) {
    this.#store = eventStore;
    this.#ids = ids;
    this.#registry = registry;
    this.#deployments = deployments;
    this.#files = files;
    this.#keys = keys;
    this.#runner = runner;
    this.#credit = clients.client(CreditService, 'billing');
    this.#settings = settings.own as MarketplaceSettings;
  }

  async infer(request: InferenceRequest, call: CallContext): Promise<InferenceAnswer> {
    const { identity } = call;
    if (identity.kind !== 'organisation') throw new RejectionError({ code: 'unauthenticated', rule: 'credentials-required', message: 'this call needs an API key', field: 'authorization' });
    const keyId = await this.#keys.keyId(identity.keyPrefix ?? '');
    if (keyId === undefined) throw new RejectionError({ code: 'unauthenticated', rule: 'api-key', message: 'the API key is not valid', field: 'authorization' });
    const deployment = await this.#deployments.state(request.model);
    if (deployment.price === undefined || (request.version !== '' && request.version !== String(deployment.version))) throw notFound('model');
    const registered = await this.#registry.version(request.model, deployment.version, 'model');
    const { tensors, rows } = unwrap(checkInputs(registered.inputs, request.inputs));
    const unknown = request.outputs.find((name) => !registered.outputs.some((output) => output.name === name));
    if (unknown !== undefined) unwrap(reject('invalid-argument', 'output-known', `the model has no output "${unknown}"`, 'outputs'));
    const callId = uuidV8From('call', identity.organisation, call.requestId ?? this.#ids.uuidV7());
    const { priceVersion, unitPriceE15 } = deployment.price;
    const amountMax = chargeMax(rows, unitPriceE15);
    const pins = { customer: identity.organisation, keyId, model: request.model, version: deployment.version, priceVersion, unitPriceE15, rows, amountMax };
    const prepared: Prepared = { callId, request, registered, tensors, requestSha256: sha256Hex(call.requestHash), metadata: call.metadata(), signal: call.signal };
    const state = await this.#start(prepared, pins);
    // A call that was not refused here is either ours to run now, or it ran before.
    if (state.status === 'started') return this.#reserveAndRun(prepared, state.started);
    const { state: before } = await this.#store.state(callDecider, callStream(callId));
    return this.#settled(prepared, before, await this.#storedOutputs(prepared));
  }

  /** Pins the price for a new call, or meets the attempt that came before. */
  async #start({ callId, request, requestSha256, metadata }: Prepared, pins: Omit<Pins, 'reservationId'>): Promise<CallState> {
    const streamId = callStream(callId);
    const executed = unwrap(
      await this.#store.execute({
        decider: callDecider,
        streamId,
        command: (nowMs, state) => {
          const attempt = state.status === 'none' ? 1 : state.started.attempt + 1;
          return {
            type: 'start-call' as const, callId, requestSha256, pins: { ...pins, reservationId: uuidV8From('reservation', callId, attempt) },
            ...(request.maxPrice === undefined ? {} : { maxPrice: request.maxPrice }), leaseMs: this.#settings.CALL_LEASE_MS, nowMs,
          };
        },
        metadata,
        effects: (events) => callTimers(events),
        answer: (state) => state,
      }),
    );
    return executed.answer!;
  }

  async #reserveAndRun(prepared: Prepared, started: CallStarted['data']): Promise<InferenceAnswer> {
    let ran: { state: CallState; outputs: readonly Tensor[] };
    try {
      await this.#reserve(prepared, started);
      ran = await this.#record(prepared, started, await this.#run(prepared, started.customer));
    } catch (error) {
      // Nothing is owed for what did not run. If it did run and only the record failed, the stream refuses the void.
      const reason = error instanceof RejectionError ? error.rejection.rule : 'failed';
      await this.#void(prepared, started, reason);
      throw error;
    }
    return this.#settled(prepared, ran.state, ran.outputs);
  }

  async #reserve({ registered }: Prepared, started: CallStarted['data']): Promise<void> {
    const { reservationId, customer, keyId, amountMax, priceVersion, unitPriceE15 } = started;
    await this.#credit.reserve({
      requestId: reservationId, reservationId, customer, keyId, unitsMax: String(amountMax), priceVersion, unitPriceE15: String(unitPriceE15),
      holdMs: BigInt(this.#settings.HOLD_MS),
      terms: {
        modelVersion: versionName(started.model, started.version), sharesVersion: registered.sharesVersion, computeProvider: this.#settings.COMPUTE_PROVIDER,
        shares: registered.shares.map((share) => ({ class: share.class, payee: share.payee, bps: share.bps })),
      },
    });
  }

  async #run({ registered, tensors, signal }: Prepared, customer: string): Promise<InferOutcome> {
    const source = registered.lineage.federatedTask === '' ? 'arena' : 'fl-aggregator';
    const model = await this.#files.bytes(registered.artifactSha256, source);
    const inputs = tensors.map(({ name, datatype, shape, data }) => ({ name, elementType: CODECS[datatype].elementType, dims: shape, data }));
    const outcome = await this.#runner.infer({ modelKey: registered.artifactSha256, model, inputs, tenant: `organisation:${customer}`, signal });
    if (outcome.ok) return outcome.value;
    const { field: _, ...refusal } = outcome.error;
    throw new RejectionError(refusal);
  }

  /** From here on the call is charged; its answer is kept under the caller's key. */
  async #record(prepared: Prepared, started: CallStarted['data'], outcome: InferOutcome): Promise<{ state: CallState; outputs: readonly Tensor[] }> {
    const { callId, metadata, registered } = prepared;
    const cpuUs = Math.max(1, Math.round(outcome.computeMs * 1_000));
    const { macs, bytes } = registered.probe;
    const units = complexity({ macs: macs * started.rows, cpuUs, bytes: bytes * started.rows });
    const outputs = outcome.outputs.map((output): Tensor => ({ name: output.name, datatype: datatypeOf(output.elementType)!, shape: output.dims, data: output.data }));
    let state: CallState = { status: 'none' };
    const executed = unwrap(
      await this.#store.execute({
        decider: callDecider,
        streamId: callStream(callId),
        command: (nowMs) => ({ type: 'record-run' as const, attempt: started.attempt, cpuUs, computeCostE15: units * this.#settings.COMPUTE_RATE_E15, nowMs }),
        metadata,
        key: this.#answerKey(prepared),
        effects: (events, after) => {
          state = after;
          return callTimers(events);
        },
        answer: () => outputs.map(store),
      }),
    );
    if (executed.duplicate) ({ state } = await this.#store.state(callDecider, callStream(callId)));
    return { state, outputs: executed.duplicate ? executed.answer!.map(restore) : outputs };
  }

  #answerKey({ callId, requestSha256 }: Prepared) {
    return { scope: 'infer', key: callId, requestHash: requestSha256 };
  }

  async #void({ callId, metadata }: Prepared, started: CallStarted['data'], reason: string): Promise<void> {
    await this.#store.execute({
      decider: callDecider,
      streamId: callStream(callId),
      command: (nowMs) => ({ type: 'void-call' as const, attempt: started.attempt, reason, nowMs }),
      metadata,
      effects: (events) => callTimers(events),
    });
  }

  /** The answer of a call that ran, charged now if it was not yet. */
  async #settled({ callId, metadata, request }: Prepared, state: CallState, outputs: readonly Tensor[]): Promise<InferenceAnswer> {
    if (state.status !== 'ran' && state.status !== 'captured') throw new Error(`call ${callId} has outputs but did not run`);
    const gross = state.status === 'captured' ? state.gross : await this.#capture(callId, state.ran, metadata);
    const { model, version, reservationId, priceVersion, unitPriceE15, rows } = state.ran;
    const wanted = request.outputs.length === 0 ? outputs : request.outputs.map((name) => outputs.find((output) => output.name === name)!);
    return { model, version, outputs: wanted, reservationId, priceVersion, unitPriceE15, rows, gross };
  }

  async #storedOutputs(prepared: Prepared): Promise<Tensor[]> {
    const stored = unwrap(
      await this.#store.execute({
        decider: callDecider,
        streamId: callStream(prepared.callId),
        command: (nowMs) => ({ type: 'record-run' as const, attempt: 0, cpuUs: 0, computeCostE15: 0n, nowMs }),
        metadata: prepared.metadata,
        key: this.#answerKey(prepared),
        answer: (): StoredTensor[] | null => null,
      }),
    );
    if (stored.answer) return stored.answer.map(restore);
    throw new RejectionError({ code: 'failed-precondition', rule: 'answer-expired', message: 'the answer to this call is kept for 7 days and is gone; it was charged once', field: 'idempotency_key' });
  }

  /** Charges a call that ran; again it finds it charged. */
  async capture(callId: string, metadata: EventMetadata): Promise<void> {
    const { state } = await this.#store.state(callDecider, callStream(callId));
    if (state.status === 'ran') await this.#capture(callId, state.ran, metadata);
  }

  async #capture(callId: string, ran: CallRan['data'], metadata: EventMetadata): Promise<bigint> {
    const { reservationId, customer, rows, computeCostE15 } = ran;
    const { grossUnits } = await this.#credit.capture({ requestId: reservationId, reservationId, customer, units: BigInt(rows), computeCostE15: String(computeCostE15) });
    const gross = BigInt(grossUnits);
    unwrap(
      await this.#store.execute({
        decider: callDecider,
        streamId: callStream(callId),
        command: (nowMs) => ({ type: 'record-capture' as const, gross, nowMs }),
        metadata,
        effects: (events) => callTimers(events),
      }),
    );
    return gross;
  }
}
