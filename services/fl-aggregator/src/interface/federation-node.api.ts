import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { parameterCount } from '@skein/aggregation';
import type { ArtifactStore } from '@skein/artifacts';
import {
  FederationNodeService, Phase,
  type ClosePhaseRequest, type ClosePhaseResponseSchema, type CommitVoteRequest, type CommitVoteResponseSchema, type ControlRequest,
  type ControlResponseSchema, type DownloadArtifactRequest, type DownloadArtifactResponseSchema, type JoinFederatedTaskRequest,
  type JoinFederatedTaskResponseSchema, type RevealVoteRequest, type RevealVoteResponseSchema, type SubmitContributionRequest,
  type SubmitContributionResponseSchema, type UploadUpdateRequest, type UploadUpdateResponseSchema,
} from '@skein/contracts/federation';
import type { EventStore } from '@skein/events';
import { reject, unwrap } from '@skein/kernel';
import type { Clock } from '@skein/kernel';
import { ARTIFACTS, CLOCK, EVENT_STORE, notFound, Rpc, StakeCopyFrontier } from '@skein/platform';
import type { CallContext } from '@skein/platform';
import { FederationDesk } from '../application/federation-desk.js';
import type { Origin } from '../application/federation-desk.js';
import { TaskReading } from '../application/reading.js';
import { TaskSignals } from '../application/task-signals.js';
import { SAFETENSORS } from '../application/weight-artifacts.js';
import type { TimedPhase } from '../domain/index.js';
import { receiptOf, walletOf } from './caller.js';
import { CONTROL_TIMES, ControlSession } from './control-session.js';
import { taskIdOf } from './names.js';
import { chunksOf, uploadedBytes } from './transfer.js';

type Answer<Schema extends DescMessage> = MessageInitShape<Schema>;

/** Longest wait for changes that another process made. */
const POLL_MS = 500;
/** What a file of weights may have beside the weights: its header. */
const HEADER_BYTES_MAX = 64 * 1024;

const PHASES: Readonly<Record<number, TimedPhase>> = {
  [Phase.JOINING]: 'joining', [Phase.CONTRIBUTING]: 'contributing', [Phase.COMMITTING]: 'committing', [Phase.REVEALING]: 'revealing',
};

const originOf = (call: CallContext, scope: string): Origin => ({ metadata: call.metadata(), key: call.key(`federation.${scope}`, { forever: true }) });

/** The native protocol of nodes. */
@Injectable()
export class FederationNodeApi {
  readonly #store: EventStore;
  readonly #desk: FederationDesk;
  readonly #reading: TaskReading;
  readonly #signals: TaskSignals;
  readonly #artifacts: ArtifactStore;
  readonly #clock: Clock;
  readonly #frontier: StakeCopyFrontier;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(FederationDesk) desk: FederationDesk,
    @Inject(TaskReading) reading: TaskReading,
    @Inject(TaskSignals) signals: TaskSignals,
    @Inject(ARTIFACTS) artifacts: ArtifactStore,
    @Inject(CLOCK) clock: Clock,
    @Inject(StakeCopyFrontier) frontier: StakeCopyFrontier,
  ) {
    this.#store = store;
    this.#desk = desk;
    this.#reading = reading;
    this.#signals = signals;
    this.#artifacts = artifacts;
    this.#clock = clock;
    this.#frontier = frontier;
  }

  @Rpc(FederationNodeService.method.joinFederatedTask)
  async join(request: JoinFederatedTaskRequest, call: CallContext): Promise<Answer<typeof JoinFederatedTaskResponseSchema>> {
    const done = await this.#desk.join(taskIdOf(request.task, 'task'), walletOf(call), originOf(call, 'join'));
    return { stakeUnits: done.answer?.stakeUnits ?? '', receipt: await receiptOf(this.#store, done), ...(await this.#frontier.field()) };
  }

  @Rpc(FederationNodeService.method.submitContribution)
  async submit(request: SubmitContributionRequest, call: CallContext): Promise<Answer<typeof SubmitContributionResponseSchema>> {
    const { round, sha256 } = request;
    const examples = Number(request.examples);
    if (!Number.isSafeInteger(examples)) unwrap(reject('invalid-argument', 'examples-cap', 'examples is too large', 'examples'));
    const update = { node: walletOf(call), round, sha256, examples };
    const done = await this.#desk.contribute(taskIdOf(request.task, 'task'), update, originOf(call, 'contribute'));
    return { receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(FederationNodeService.method.commitVote)
  async commit(request: CommitVoteRequest, call: CallContext): Promise<Answer<typeof CommitVoteResponseSchema>> {
    const { round, commit } = request;
    const node = walletOf(call);
    const origin = originOf(call, 'commit-vote');
    const done = await this.#desk.give(taskIdOf(request.task, 'task'), origin, (nowMs) => ({ kind: 'commit-vote', round, node, commit, nowMs }));
    return { receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(FederationNodeService.method.revealVote)
  async reveal(request: RevealVoteRequest, call: CallContext): Promise<Answer<typeof RevealVoteResponseSchema>> {
    const { round, score, aggregateSha256: sha256, salt } = request;
    const node = walletOf(call);
    const origin = originOf(call, 'reveal-vote');
    const done = await this.#desk.give(taskIdOf(request.task, 'task'), origin, (nowMs) => ({
      kind: 'reveal-vote', round, node, score, sha256, salt, nowMs,
    }));
    return { receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(FederationNodeService.method.closePhase)
  async close(request: ClosePhaseRequest, call: CallContext): Promise<Answer<typeof ClosePhaseResponseSchema>> {
    const { round } = request;
    const caller = walletOf(call);
    const phase = PHASES[request.phase]!;
    const origin = originOf(call, 'close-phase');
    const done = await this.#desk.give(taskIdOf(request.task, 'task'), origin, (nowMs) => ({ kind: 'close-phase', round, phase, nowMs, caller }));
    return { receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(FederationNodeService.method.uploadUpdate)
  async upload(requests: AsyncIterable<UploadUpdateRequest>, call: CallContext): Promise<Answer<typeof UploadUpdateResponseSchema>> {
    const owner = walletOf(call);
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true || first.value.message.case !== 'header')
      return unwrap(reject('invalid-argument', 'header-expected', 'an upload begins with its header', 'header'));
    const { task, sha256, sizeBytes } = first.value.message.value;
    const state = await this.#desk.state(taskIdOf(task, 'header.task'));
    if (state.members[owner]?.out !== false) throw notFound('header.task');
    const sizeBytesMax = 4 * parameterCount(state.manifest!.parameters) + HEADER_BYTES_MAX;
    if (sizeBytes > BigInt(sizeBytesMax)) unwrap(reject('resource-exhausted', 'artifact-too-large', 'the update is too large', 'header.size_bytes'));
    const bytes = uploadedBytes(iterator, Number(sizeBytes));
    const info = unwrap(await this.#artifacts.put({ owner, bytes, sha256, mediaType: SAFETENSORS, sizeBytesMax: Number(sizeBytes) }));
    return { sha256: info.sha256, sizeBytes: BigInt(info.sizeBytes) };
  }

  @Rpc(FederationNodeService.method.downloadArtifact)
  async *download(request: DownloadArtifactRequest, call: CallContext): AsyncIterable<Answer<typeof DownloadArtifactResponseSchema>> {
    const state = await this.#desk.state(taskIdOf(request.task, 'task'));
    const bytes = await this.#reading.read(state, walletOf(call), request.sha256);
    if (!bytes) throw notFound('sha256');
    for (const chunk of chunksOf(bytes, Number(request.offset))) yield { chunk };
  }

  @Rpc(FederationNodeService.method.control)
  async *control(requests: AsyncIterable<ControlRequest>, call: CallContext): AsyncIterable<Answer<typeof ControlResponseSchema>> {
    const node = walletOf(call);
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true || first.value.message.case !== 'hello')
      return unwrap(reject('invalid-argument', 'hello-expected', 'a control stream begins with hello', 'message'));
    const taskId = taskIdOf(first.value.message.value.task, 'hello.task');
    if ((await this.#desk.state(taskId)).members[node] === undefined) throw notFound('hello.task');
    const session = new ControlSession(taskId, node);
    const gone = new AbortController();
    const stop = AbortSignal.any([gone.signal, call.signal]);
    void this.#listen(iterator, session).finally(() => gone.abort());
    yield { message: { case: 'welcome', value: { ...CONTROL_TIMES } } };
    while (!stop.aborted) {
      const changed = this.#signals.wait(taskId, POLL_MS, stop);
      const { push, done } = session.next(await this.#desk.state(taskId), this.#clock.nowMs());
      yield* push;
      if (done) return;
      await changed;
    }
  }

  /** Takes heartbeats until the node ends its side; a broken stream ends the session like a goodbye. */
  async #listen(iterator: AsyncIterator<ControlRequest>, session: ControlSession): Promise<void> {
    try {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        const { message } = next.value;
        if (message.case === 'heartbeat') session.heartbeat(message.value.leaseId, this.#clock.nowMs());
      }
    } catch {
      // The transport has told both sides; the session ends either way.
    }
  }
}
