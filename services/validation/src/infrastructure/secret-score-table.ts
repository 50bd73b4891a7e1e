import { Inject, Injectable } from '@nestjs/common';
import { POOL } from '@skein/platform';
import { failpoint } from '@skein/telemetry';
import type { Pool } from 'pg';
import type { SecretScore, SecretScores } from '../application/ports.js';
import type { Manifest } from '../domain/evaluation/evaluation.events.js';

interface Row {
  assignment_id: string;
  score_nano: string;
  salt: string;
  manifest: Manifest;
  manifest_sha256: string;
}

/** Table `managed_score`: what a managed validator has sealed and not yet revealed. */
@Injectable()
export class SecretScoreTable implements SecretScores {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async find(assignmentId: string): Promise<SecretScore | undefined> {
    const { rows } = await this.#pool.query<Row>('SELECT assignment_id, score_nano::text, salt, manifest, manifest_sha256 FROM managed_score WHERE assignment_id = $1', [assignmentId]);
    const [row] = rows;
    return row && { assignmentId: row.assignment_id, scoreNano: BigInt(row.score_nano), salt: row.salt, manifest: row.manifest, manifestSha256: row.manifest_sha256 };
  }

  async keep(score: SecretScore): Promise<SecretScore> {
    // Two workers may have scored the same assignment after a lost lease: the first row decides what is sealed.
    await this.#pool.query('INSERT INTO managed_score (assignment_id, score_nano, salt, manifest, manifest_sha256) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', [
      score.assignmentId,
      score.scoreNano.toString(),
      score.salt,
      JSON.stringify(score.manifest),
      score.manifestSha256,
    ]);
    failpoint('score.kept');
    return (await this.find(score.assignmentId)) ?? score;
  }
}
