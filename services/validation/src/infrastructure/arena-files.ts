import { Inject, Injectable } from '@nestjs/common';
import { ArtifactInternalService } from '@skein/contracts/artifacts/internal';
import { ArenaInternalService } from '@skein/contracts/arena/internal';
import { concatBytes, reject, RejectionError, sha256Hex, unwrap, uuidV8From } from '@skein/kernel';
import { csvSchemaOf, type Dataset, parseCsv } from '@skein/models';
import { type Client, GRPC_CLIENTS, type GrpcClients, runShared } from '@skein/platform';
import type { EvaluationFiles } from '../application/ports.js';
import type { EvaluationTerms } from '../domain/evaluation/evaluation.events.js';
import { BoundedCache } from './bounded-cache.js';

const YEAR_MS = 365 * 24 * 3600 * 1000;
const MODELS_KEPT = 8;
const DATA_SETS_KEPT = 4;
const ARENA = 'arena';

/**
 * Reads models and hidden sets from the arena by grant, over its internal gRPC. Validators of one submission come close
 * together, so both are kept in memory for a moment; they are never written down here.
 */
@Injectable()
export class ArenaFiles implements EvaluationFiles {
  readonly #grants: Client<typeof ArenaInternalService>;
  readonly #artifacts: Client<typeof ArtifactInternalService>;
  readonly #granted = new BoundedCache<true>(1_000);
  readonly #models = new BoundedCache<Uint8Array>(MODELS_KEPT);
  readonly #dataSets = new BoundedCache<Dataset>(DATA_SETS_KEPT);

  constructor(@Inject(GRPC_CLIENTS) clients: GrpcClients) {
    this.#grants = clients.client(ArenaInternalService, ARENA);
    this.#artifacts = clients.client(ArtifactInternalService, ARENA);
  }

  async read(terms: EvaluationTerms): Promise<{ model: Uint8Array; dataset: Dataset }> {
    await this.#granted.get(terms.evaluationId, () => runShared(() => this.#grantSelf(terms)));
    const [model, dataset] = await Promise.all([
      this.#models.get(terms.artifactSha256, () => runShared(() => this.#download(terms.artifactSha256))),
      this.#dataSets.get(`${terms.dataSetSha256}/${terms.labelColumn}`, async () => parsed(await runShared(() => this.#download(terms.dataSetSha256)), terms.labelColumn)),
    ]);
    return { model, dataset };
  }

  /** The grant outlives its scoring, after which the arena gives no new one: a score can be replayed for a year. */
  async #grantSelf(terms: EvaluationTerms): Promise<true> {
    try {
      await this.#grant(terms, '', terms.revealDueAtMs + YEAR_MS);
    } catch (error) {
      if (!(error instanceof RejectionError) || error.rejection.code !== 'failed-precondition') throw error;
    }
    return true;
  }

  async grantTo(terms: EvaluationTerms, validator: string): Promise<void> {
    await this.#grant(terms, validator, terms.revealDueAtMs);
  }

  async #grant({ evaluationId, scoringId, task, round, submission }: EvaluationTerms, validator: string, expiresAtMs: number): Promise<void> {
    await this.#grants.grantEvaluation({ requestId: uuidV8From('grant', evaluationId, validator), scoringId, task, round, submission, validator, expiresAtMs: BigInt(expiresAtMs) });
  }

  async #download(sha256: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const { chunk } of this.#artifacts.downloadArtifact({ sha256 })) chunks.push(chunk);
    const bytes = concatBytes(...chunks);
    // Bytes that are not what they were announced as are a fault of the transport: the job tries again.
    if (sha256Hex(bytes) !== sha256) throw new Error('the arena sent other bytes than the artifact asked for');
    return bytes;
  }
}

/** Hidden rows: no message may quote them, so only the rule is told. */
function parsed(csv: Uint8Array, label: string): Dataset {
  const dataset = parseCsv(csv, csvSchemaOf(csv, label));
  return dataset.ok ? dataset.value : unwrap(reject('failed-precondition', dataset.error.rule, 'the hidden set cannot be read'));
}
