import { EventStore } from '@skein/events';
import { ok, reject, type Rejection, type Result, RejectionError, unwrap } from '@skein/kernel';
import type { Dataset } from '@skein/models';
import { migrationsOf } from '@skein/platform';
import type { InferOutcome, ReplayManifest, Runner, ScoreOutcome, TrainOutcome } from '@skein/runner';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AssignmentWork } from '../src/application/effects.js';
import { EvaluationDesk } from '../src/application/evaluation-desk.js';
import { ManagedValidator } from '../src/application/managed-validator.js';
import { runnerManifest } from '../src/application/manifests.js';
import type { EvaluationFiles } from '../src/application/ports.js';
import { assignmentIdOf, evaluationIdOf } from '../src/domain/evaluation/evaluation.decider.js';
import { SecretScoreTable } from '../src/infrastructure/secret-score-table.js';
import { validationService } from '../src/index.js';
import { manifestOf, openCommand, terms, walletOf } from './evaluation.fixtures.js';

const METADATA = { correlationId: 'c', actor: 'service:validation' };
const FAR_MS = 8_000_000_000_000;

/** Scores whatever it is told to; counts how often it was asked. */
class FakeRunner implements Runner {
  outcome: Result<ScoreOutcome, Rejection> = ok({ score: 0.75, manifest: runnerManifest(manifestOf(0.75)) as ReplayManifest, durationMs: 1 });
  asked = 0;
  async score(): Promise<Result<ScoreOutcome, Rejection>> {
    this.asked += 1;
    return this.outcome;
  }
  replay = async (): Promise<Result<{ bitEqual: boolean; result: number }, Rejection>> => reject('unavailable', 'unused', 'unused');
  infer = async (): Promise<Result<InferOutcome, Rejection>> => reject('unavailable', 'unused', 'unused');
  train = async (): Promise<Result<TrainOutcome, Rejection>> => reject('unavailable', 'unused', 'unused');
}

class FakeFiles implements EvaluationFiles {
  away = false;
  async read(): Promise<{ model: Uint8Array; dataset: Dataset }> {
    if (this.away) throw new RejectionError({ code: 'unavailable', rule: 'peer-away', message: 'the arena is away', retriable: true });
    return { model: new Uint8Array(1), dataset: { columns: [], rows: 0, features: new Float32Array(0), labels: new Float32Array(0) } };
  }
  async grantTo(): Promise<void> {}
}

let database: TestDatabase;
let store: EventStore;
let desk: EvaluationDesk;
let runner: FakeRunner;
let files: FakeFiles;
let managed: ManagedValidator;
let evaluationId: string;
let round = 0;
const signal = new AbortController().signal;
const workOf = (digit: number): AssignmentWork => ({ evaluationId, assignmentId: assignmentIdOf(evaluationId, walletOf(digit)), validator: walletOf(digit), cause: { correlationId: 'c' }, tenant: 'tasks/1', deadlineMs: Number.MAX_SAFE_INTEGER });
const statusOf = async (digit: number): Promise<string> => (await desk.state(evaluationId)).assignments.find(({ validator }) => validator === walletOf(digit))!.status;

beforeAll(async () => {
  database = await freshDatabase(...migrationsOf(validationService));
  store = new EventStore({ pool: database.appPool });
  desk = new EvaluationDesk(store);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});
beforeEach(async () => {
  [runner, files] = [new FakeRunner(), new FakeFiles()];
  managed = new ManagedValidator(desk, files, new SecretScoreTable(database.appPool), runner);
  evaluationId = evaluationIdOf(terms.scoringId, `submission-${(round += 1)}`);
  const open = openCommand({ terms: { ...terms, evaluationId, sealDueAtMs: FAR_MS, revealDueAtMs: FAR_MS }, candidates: openCommand().candidates.slice(0, 3), managed: new Set([1, 2, 3].map(walletOf)) });
  unwrap(await desk.give(evaluationId, { metadata: METADATA }, (nowMs) => ({ ...open, nowMs })));
});

describe('a managed validator', () => {
  it('accepts, scores, seals; and when it runs again seals nothing else and scores nothing twice', async () => {
    await managed.evaluate(workOf(1), signal);
    expect([await statusOf(1), runner.asked]).toEqual(['sealed', 1]);
    await managed.evaluate(workOf(1), signal);
    expect(runner.asked).toBe(1);
    expect((await store.readStream(`evaluation-${evaluationId}`)).map(({ type }) => type.split('.').slice(2, 4).join('.'))).toEqual(['evaluation.opened', 'assignment.accepted', 'score.sealed']);
  });

  it('that died after scoring seals the score that it kept', async () => {
    const secrets = new SecretScoreTable(database.appPool);
    const kept = await secrets.keep({ assignmentId: workOf(1).assignmentId, scoreNano: 500_000_000n, salt: 'ab'.repeat(32), manifest: manifestOf(0.5), manifestSha256: 'cd'.repeat(32) });
    expect(await secrets.keep({ ...kept, scoreNano: 1n })).toEqual(kept);
    for (const digit of [1, 2, 3]) await managed.evaluate(workOf(digit), signal);
    expect(runner.asked).toBe(2);
    for (const digit of [1, 2, 3]) await managed.reveal(workOf(digit));
    const { assignments, phase } = await desk.state(evaluationId);
    expect(phase).toBe('decided');
    for (const { validator, scoreNano } of assignments) expect(scoreNano).toBe(validator === walletOf(1) ? 500_000_000n : 750_000_000n);
  });

  it('tries again what was the platform’s fault, and leaves the assignment as it is', async () => {
    files.away = true;
    await expect(managed.evaluate(workOf(1), signal)).rejects.toMatchObject({ rejection: { rule: 'peer-away' } });
    files.away = false;
    runner.outcome = { ok: false, error: { code: 'unavailable', rule: 'runner-died', message: 'the runner died', retriable: true } };
    await expect(managed.evaluate(workOf(1), signal)).rejects.toMatchObject({ rejection: { rule: 'runner-died' } });
    expect(await statusOf(1)).toBe('accepted');
  });

  it('gives up, naming the rule, what was the model’s fault', async () => {
    runner.outcome = reject('failed-precondition', 'runner-memory', 'too much memory', 'model');
    await managed.evaluate(workOf(1), signal);
    expect((await desk.state(evaluationId)).assignments.find(({ validator }) => validator === walletOf(1))).toMatchObject({ status: 'failed', rule: 'runner-memory' });
    runner.outcome = ok({ score: 1e12, manifest: runnerManifest(manifestOf(0.75))!, durationMs: 1 });
    await managed.evaluate(workOf(2), signal);
    expect((await desk.state(evaluationId)).assignments.find(({ validator }) => validator === walletOf(2))).toMatchObject({ status: 'failed', rule: 'score-undefined' });
  });

  it('does nothing for an assignment that is not there, not open, or not ripe', async () => {
    await managed.evaluate({ ...workOf(1), assignmentId: evaluationId }, signal);
    await managed.evaluate(workOf(1), signal);
    await managed.reveal(workOf(1));
    expect([runner.asked, await statusOf(1)]).toEqual([1, 'sealed']);
  });
});
