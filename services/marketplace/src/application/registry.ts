import { Inject, Injectable } from '@nestjs/common';
import type { EventStore, Executed } from '@skein/events';
import { reject, sha256Hex, unwrap } from '@skein/kernel';
import { EVENT_STORE, notFound, type CallContext } from '@skein/platform';
import type { ModelState, ModelVersion, RegisterVersion } from '../domain/model/model.decider.js';
import { modelDecider } from '../domain/model/model.decider.js';
import type { Lineage } from '../domain/model/model.events.js';
import type { Contributors, Weighted } from '../domain/model/owner-shares.policy.js';
import { probeModel, type ProbeRunner } from './model-probe.js';
import { modelStream, versionName, versionOf } from './names.js';
import { LINEAGE, MODEL_FILES, RUNNER, type ArenaFacts, type FederatedFacts, type LineageFacts, type ModelFiles } from './ports.js';

export interface Registration {
  readonly model: string;
  readonly caller: string;
  readonly lineage: Lineage;
  readonly licence: string;
  readonly intendedUse: string;
}

const VERSIONS_MAX = 10_000;
const RUNTIME = 'onnxruntime';

const notReady = (field: string) =>
  reject('failed-precondition', 'lineage-not-ready', 'this task is not over, or its end is not known here yet', field);

/** Models and their versions. */
@Injectable()
export class Registry {
  readonly #store: EventStore;
  readonly #lineage: LineageFacts;
  readonly #files: ModelFiles;
  readonly #runner: ProbeRunner;
  /** Versions never change. */
  readonly #versions = new Map<string, ModelVersion>();

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(LINEAGE) lineage: LineageFacts, @Inject(MODEL_FILES) files: ModelFiles, @Inject(RUNNER) runner: ProbeRunner) {
    this.#store = store;
    this.#lineage = lineage;
    this.#files = files;
    this.#runner = runner;
  }

  async model(model: string): Promise<ModelState> {
    return (await this.#store.state(modelDecider, modelStream(model))).state;
  }

  async version(model: string, version: number, field = 'name'): Promise<ModelVersion> {
    const name = versionName(model, version);
    const found = this.#versions.get(name) ?? (await this.model(model)).versions[version - 1];
    if (!found) throw notFound(field);
    if (this.#versions.size < VERSIONS_MAX) this.#versions.set(name, found);
    return found;
  }

  /** Looks the lineage up, fetches, admits and probes the bytes, then records the version. */
  async register(request: Registration, call: CallContext): Promise<Executed<ModelVersion>> {
    const streamId = modelStream(request.model);
    return unwrap(
      await this.#store.execute({
        decider: modelDecider,
        streamId,
        command: (nowMs) => this.#command(request, nowMs),
        metadata: call.metadata(),
        key: call.key('register-version'),
        answer: (state) => state.versions.at(-1)!,
      }),
    );
  }

  async #command(request: Registration, nowMs: number): Promise<RegisterVersion> {
    const { model, caller, lineage, licence, intendedUse } = request;
    const arena = (await this.#lineage.arenaTask(lineage.arenaTask)) ?? unwrap(notReady('lineage.arena_task'));
    const federated = lineage.federatedTask === '' ? undefined : ((await this.#lineage.federatedTask(lineage.federatedTask)) ?? unwrap(notReady('lineage.federated_task')));
    if (federated && federated.arenaTask !== lineage.arenaTask)
      unwrap(reject('invalid-argument', 'lineage-match', 'the federated task does not start from this arena task', 'lineage.federated_task'));
    const artifactSha256 = federated?.modelSha256 ?? arena.artifactSha256;
    const bytes = await this.#files.bytes(artifactSha256, federated ? 'fl-aggregator' : 'arena');
    if (sha256Hex(bytes) !== artifactSha256) throw new Error(`artifact ${artifactSha256} has other bytes`);
    const probed = unwrap(await probeModel(bytes, artifactSha256, this.#runner));
    const entitled = [arena.developer, arena.creator, ...(federated ? [federated.creator] : [])];
    const contributors = await this.#contributors(arena, federated, lineage.parents);
    return { type: 'register-version', model, caller, entitled, artifactSha256, lineage, contributors, licence, intendedUse, ...probed, runtime: RUNTIME, nowMs };
  }

  async #contributors(arena: ArenaFacts, federated: FederatedFacts | undefined, parents: readonly string[]): Promise<Contributors> {
    // Whoever proposed the arena task brought the public rows: they count as one accepted round.
    const data: Weighted[] = federated ? [...federated.proposers, { payee: arena.creator, weight: 1n }] : [];
    const developers = await Promise.all(parents.map(async (name) => this.#developerOf(name)));
    return { developer: arena.developer, data, validators: arena.validators, parents: developers.map((payee) => ({ payee, weight: 1n })) };
  }

  async #developerOf(name: string): Promise<string> {
    const { model, version } = versionOf(name, 'lineage.parents');
    return (await this.version(model, version, 'lineage.parents')).developer;
  }
}
