import { setTimeout as wait } from 'node:timers/promises';
import { aggregate, decodeWeights, encodeWeights, holdOut, isRuleName } from '@skein/aggregation';
import type { ClientUpdate } from '@skein/aggregation';
import type { FederatedTaskService, FederationNodeService, Manifest, OpenVote, SealVote, Work } from '@skein/contracts/federation';
import { sha256Hex, unwrap, uuidV8From } from '@skein/kernel';
import { parseCsv } from '@skein/models';
import type { CsvSchema, Dataset } from '@skein/models';
import type { Runner } from '@skein/runner';
import { SkeinError } from '@skein/sdk';
import type { Client } from '@skein/sdk';
import { controlStream } from './control.js';
import { LocalModel } from './local-model.js';
import { sealOf } from './seal.js';
import { download, upload } from './transfer.js';

/** What a node tells its owner as it goes; no rows, no weights. */
export type NodeNotice =
  | { readonly kind: 'joined' | 'reconnecting' }
  | { readonly kind: 'contributed'; readonly round: number; readonly sha256: string; readonly examples: number }
  | { readonly kind: 'sealed' | 'revealed'; readonly round: number; readonly score: 1 | -1; readonly sha256: string }
  | { readonly kind: 'round-ended'; readonly round: number; readonly weightsSha256: string }
  | { readonly kind: 'refused'; readonly round: number; readonly rule: string; readonly message: string };

/**
 * Replaces what a node does with its own results. An honest node has none; research and tests put their own here. `honest`
 * trains (or judges) when called.
 */
export interface NodeStrategy {
  propose?(context: { readonly round: number; readonly current: Float32Array; honest(): Promise<Float32Array> }): Promise<Float32Array>;
  vote?(context: { readonly round: number; honest(): Promise<1 | -1> }): Promise<1 | -1>;
}

/** What a node needs. */
export interface FlNodeOptions {
  readonly tasks: Pick<Client<typeof FederatedTaskService>, 'getFederatedTask'>;
  readonly nodes: Client<typeof FederationNodeService>;
  /** federatedTasks/{uuid} */
  readonly task: string;
  /** This node's CAIP-10 wallet. */
  readonly wallet: string;
  /** Local rows: a fifth of each label is held out for voting. */
  readonly rows: Dataset;
  /** How the task's public rows are read; the same columns and classes as the local rows. */
  readonly schema: CsvSchema;
  readonly runner: Runner;
  /** Known to this node alone: salts of votes follow from it. */
  readonly saltSecret: string;
  readonly strategy?: NodeStrategy;
  readonly onNotice?: (notice: NodeNotice) => void;
}

/** How it ended: the task is over, the node is no member any more (its stake fell below the threshold), or it was told to stop. */
export type NodeOutcome = 'finished' | 'excluded' | 'stopped';

/** Refusals of a join that time may cure: approval, and a stake that the chain has not finalised yet. */
const WAITING = new Set(['stake-below-threshold', 'task-not-approved']);
const JOIN_REST_MS = 250;

interface Sealed {
  readonly score: 1 | -1;
  readonly sha256: string;
  readonly salt: string;
}

/** One node of a federated task: joins, trains when drawn as proposer, votes when drawn as voter, until the task ends. */
export class FlNode {
  readonly #options: FlNodeOptions;
  readonly #sealed = new Map<number, Sealed>();
  #manifest: Manifest | undefined;
  #model: LocalModel | undefined;

  constructor(options: FlNodeOptions) {
    this.#options = options;
  }

  /** Becomes a member; being one already is fine. */
  async join(): Promise<void> {
    const { nodes, task } = this.#options;
    try {
      await nodes.joinFederatedTask({ requestId: this.#requestId('join', 0), task });
    } catch (error) {
      if (!(error instanceof SkeinError && error.rule === 'already-joined')) throw error;
    }
    this.#notice({ kind: 'joined' });
  }

  /** Joins as soon as the task is approved and the node's stake on it is final; false where the signal came first. */
  async joinWhenStaked(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        await this.join();
        return true;
      } catch (error) {
        if (!(error instanceof SkeinError && WAITING.has(error.rule ?? ''))) throw error;
      }
      await wait(JOIN_REST_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  /** Works until the task is finished, the node is excluded or the signal says stop. A broken stream is opened again. */
  async run(signal: AbortSignal): Promise<NodeOutcome> {
    for await (const message of controlStream(this.#options, signal, () => this.#notice({ kind: 'reconnecting' }))) {
      if (message.case === 'finished') return 'finished';
      if (message.case === 'cancel' && message.value.reason === 'not-a-member') return 'excluded';
      if (message.case === 'roundEnded') this.#notice({ kind: 'round-ended', ...message.value });
      if (message.case === 'work') await this.#work(message.value);
    }
    return 'stopped';
  }

  async #work(work: Work): Promise<void> {
    try {
      if (work.kind.case === 'train') await this.#train(work);
      else if (work.kind.case === 'sealVote') await this.#seal(work, work.kind.value);
      else if (work.kind.case === 'openVote') await this.#reveal(work, work.kind.value);
    } catch (error) {
      // A refusal (too late, say) ends this piece of work, not the node; anything else is a fault to be seen.
      if (!(error instanceof SkeinError)) throw error;
      this.#notice({ kind: 'refused', round: work.round, rule: error.rule ?? error.code, message: error.message });
    }
  }

  async #train(work: Work): Promise<void> {
    const { nodes, task, wallet, strategy } = this.#options;
    const model = await this.#local();
    const current = await this.#weights(work.weightsSha256);
    const honest = (): Promise<Float32Array> => model.train(current, this.#manifest!.training!, `${work.beaconValue}/${wallet}`);
    const weights = strategy?.propose ? await strategy.propose({ round: work.round, current, honest }) : await honest();
    const sha256 = await upload(nodes, task, encodeWeights(model.parameters, weights));
    const { round } = work;
    const examples = model.examples;
    await nodes.submitContribution({ requestId: this.#requestId('contribute', round), task, round, sha256, examples: BigInt(examples) });
    this.#notice({ kind: 'contributed', round, sha256, examples });
  }

  async #seal(work: Work, asked: SealVote): Promise<void> {
    const { nodes, task, wallet, strategy } = this.#options;
    const { round } = work;
    const model = await this.#local();
    const current = await this.#weights(work.weightsSha256);
    const { sha256, candidate } = await this.#recompute(current, asked);
    const honest = (): Promise<1 | -1> => model.judge(current, candidate, (this.#manifest!.voteTolerancePpm ?? 0) / 1e6);
    const score = strategy?.vote ? await strategy.vote({ round, honest }) : await honest();
    const salt = this.#salt(round);
    this.#sealed.set(round, { score, sha256, salt });
    await nodes.commitVote({ requestId: this.#requestId('commit', round), task, round, commit: sealOf({ task, round, node: wallet, score, sha256, salt }) });
    this.#notice({ kind: 'sealed', round, score, sha256 });
  }

  /** The aggregate by the manifest's rule from the raw updates: what this node votes on is what it computed itself. */
  async #recompute(global: Float32Array, { contributions }: SealVote): Promise<{ sha256: string; candidate: Float32Array }> {
    const { rule, parameters } = this.#manifest!;
    if (!rule || !isRuleName(rule.name)) throw new Error(`the manifest names no rule that this node knows: ${rule?.name ?? ''}`);
    const updates = await Promise.all(
      contributions.map(async ({ node, sha256, examples }): Promise<ClientUpdate> => ({ nodeId: node, examples, weights: await this.#weights(sha256) })),
    );
    const { weights } = unwrap(aggregate(rule.name, { global, updates, parameters: rule.parameters }));
    const bytes = encodeWeights(parameters, weights);
    return { sha256: sha256Hex(bytes), candidate: unwrap(decodeWeights(parameters, bytes)) };
  }

  async #reveal({ round }: Work, asked: OpenVote): Promise<void> {
    const { nodes, task } = this.#options;
    const sealed = this.#sealed.get(round) ?? this.#remembered(round, asked);
    if (!sealed) return this.#notice({ kind: 'refused', round, rule: 'vote-lost', message: 'no seal of this node matches what it committed' });
    const { score, sha256: aggregateSha256, salt } = sealed;
    await nodes.revealVote({ requestId: this.#requestId('reveal', round), task, round, score, aggregateSha256, salt });
    this.#notice({ kind: 'revealed', round, score, sha256: aggregateSha256 });
  }

  /** A process that did not seal the vote itself finds it by its commitment: the salt follows from the secret, there are two scores. */
  #remembered(round: number, { aggregateSha256: sha256, commit }: OpenVote): Sealed | undefined {
    const { task, wallet: node } = this.#options;
    const salt = this.#salt(round);
    const score = ([1, -1] as const).find((each) => sealOf({ task, round, node, score: each, sha256, salt }) === commit);
    return score && { score, sha256, salt };
  }

  #salt(round: number): string {
    return sha256Hex(`skein/fl-node/salt/${this.#options.saltSecret}/${this.#options.task}/${round}`);
  }

  async #weights(sha256: string): Promise<Float32Array> {
    const { nodes, task } = this.#options;
    return unwrap(decodeWeights(this.#manifest!.parameters, await download(nodes, task, sha256)));
  }

  /** The model, fetched when first needed. */
  async #local(): Promise<LocalModel> {
    if (this.#model) return this.#model;
    const { tasks, nodes, task, rows, schema, runner } = this.#options;
    const { manifest } = await tasks.getFederatedTask({ name: task });
    if (!manifest) throw new Error(`${task} has no manifest`);
    this.#manifest = manifest;
    const forward = await download(nodes, task, manifest.forwardSha256);
    const publicRows = unwrap(parseCsv(await download(nodes, task, manifest.publicRowsSha256), schema));
    return (this.#model = new LocalModel(runner, forward, holdOut(rows), publicRows));
  }

  #requestId(what: string, round: number): string {
    const { task, wallet } = this.#options;
    return uuidV8From('skein/fl-node', task, wallet, what, round);
  }

  #notice(notice: NodeNotice): void {
    this.#options.onNotice?.(notice);
  }
}
