import { setTimeout as wait } from 'node:timers/promises';
import { bytesToHex, concatBytes, sha256, toNano, unwrap, utf8 } from '@skein/kernel';
import { AssignmentStatus, type Assignment, type ReplayManifest as ReplayManifestMessage, type ValidatorService, type Work } from '@skein/contracts/validation';
import { csvSchemaOf, parseCsv, type Dataset, type MetricId } from '@skein/models';
import type { Runner, ScoreOutcome } from '@skein/runner';
import { downloadArtifact, withRetry, type Client, type RestOptions } from '@skein/sdk';
import { resultBits, sealOf } from './seal.js';

/** What an external validator needs. */
export interface ExternalValidatorOptions {
  readonly assignments: Client<typeof ValidatorService>;
  readonly rest: RestOptions;
  /** Runs the models in processes of their own. */
  readonly runner: Runner;
  /** UUID of a command by its label; the same label gives the same UUID. */
  readonly requestId: (label: string) => string;
  readonly saltSecret: string;
  /** What is reported instead of the computed score. An honest validator leaves it out. */
  readonly report?: (score: number, assignment: Assignment) => number | Promise<number>;
  readonly restMs?: number;
}

interface Scored {
  readonly scoreNano: bigint;
  readonly manifest: Omit<ReplayManifestMessage, '$typeName'>;
}

const RETRY = { timeoutMs: 60_000 };
const PAGE = 100;

/**
 * A validator on its own hardware: takes what it is offered, downloads model and hidden rows by the grant, scores in a
 * runner, seals, and reveals when it may. Scores and salts can be computed again, so a crash loses nothing.
 */
export class ExternalValidator {
  private readonly options: ExternalValidatorOptions;
  private readonly scored = new Map<string, Scored>();

  constructor(options: ExternalValidatorOptions) {
    this.options = options;
  }

  /** Works until the signal says stop. A call that fails for good is left for the next turn. */
  async run(signal: AbortSignal, onError: (error: unknown) => void = () => {}): Promise<void> {
    while (!signal.aborted) {
      const did = await this.turn().catch((error: unknown) => {
        onError(error);
        return 0;
      });
      if (did === 0) await wait(this.options.restMs ?? 100, undefined, { signal }).catch(() => {});
    }
  }

  /** Does everything that can be done now; returns how many assignments moved on. */
  async turn(): Promise<number> {
    const open = [...(await this.list(AssignmentStatus.OFFERED)), ...(await this.list(AssignmentStatus.ACCEPTED))];
    for (const assignment of open) await this.score(assignment);
    const ripe = await this.list(AssignmentStatus.SEALED, true);
    for (const assignment of ripe) await this.reveal(assignment);
    return open.length + ripe.length;
  }

  private async list(status: AssignmentStatus, revealable = false): Promise<Assignment[]> {
    const { assignments } = await this.options.assignments.listAssignments({ status, revealable, pageSize: PAGE });
    return assignments;
  }

  private async score(assignment: Assignment): Promise<void> {
    const { name } = assignment;
    const { assignments, requestId } = this.options;
    const computed = await this.compute(assignment);
    if (!computed.ok) return void (await assignments.failAssignment({ requestId: requestId(`fail/${name}`), name, rule: computed.rule }));
    await assignments.sealScore({ requestId: requestId(`seal/${name}`), name, seal: sealOf({ assignment: name, scoreNano: computed.value.scoreNano, salt: this.salt(name) }) });
  }

  private async reveal(assignment: Assignment): Promise<void> {
    const { name } = assignment;
    const computed = await this.compute(assignment);
    if (!computed.ok) return;
    const { scoreNano, manifest } = computed.value;
    await this.options.assignments.revealScore({ requestId: this.options.requestId(`reveal/${name}`), name, scoreNano, salt: this.salt(name), manifest });
    this.scored.delete(name);
  }

  /** The score, from memory or computed again. Accepting is repeated with the same key, which gives the same answer. */
  private async compute(assignment: Assignment): Promise<{ ok: true; value: Scored } | { ok: false; rule: string }> {
    const known = this.scored.get(assignment.name);
    if (known !== undefined) return { ok: true, value: known };
    const { work } = await this.options.assignments.acceptAssignment({ requestId: this.options.requestId(`accept/${assignment.name}`), name: assignment.name });
    if (work === undefined) throw new Error(`${assignment.name} was accepted but names no work`);
    const outcome = await this.options.runner.score({ ...(await this.fetch(work)), datasetSha256: work.dataSetSha256, metric: work.metric as MetricId });
    if (!outcome.ok) return { ok: false, rule: outcome.error.rule };
    const value = await this.reported(outcome.value, assignment);
    this.scored.set(assignment.name, value);
    return { ok: true, value };
  }

  private async fetch(work: Work): Promise<{ model: Uint8Array; dataset: Dataset }> {
    const download = (sha256: string): Promise<Uint8Array> => withRetry(() => downloadArtifact(this.options.rest, 'arena', sha256), RETRY);
    const [model, csv] = await Promise.all([download(work.artifactSha256), download(work.dataSetSha256)]);
    return { model, dataset: unwrap(parseCsv(csv, csvSchemaOf(csv, work.labelColumn))) };
  }

  private async reported({ score, manifest }: ScoreOutcome, assignment: Assignment): Promise<Scored> {
    const said = (await this.options.report?.(score, assignment)) ?? score;
    const { artifactSha256, datasetSha256, metric, metricVersion, runtime, executionProvider, graphOptimisation, threads, batchSize } = manifest;
    return { scoreNano: toNano(said), manifest: { artifactSha256, dataSetSha256: datasetSha256, metric, metricVersion, runtime, executionProvider, graphOptimisation, threads, batchSize, resultBits: resultBits(said) } };
  }

  private salt(name: string): string {
    return bytesToHex(sha256(concatBytes(utf8(`skein/validator/salt/${this.options.saltSecret}/${name}`))));
  }
}
