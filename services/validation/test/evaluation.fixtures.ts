import { bytesToHex } from '@skein/kernel';
import type { OpenEvaluation, RevealScore } from '../src/domain/evaluation/evaluation.commands.js';
import { assignmentIdOf, evaluationIdOf } from '../src/domain/evaluation/evaluation.decider.js';
import type { EvaluationTerms, Manifest } from '../src/domain/evaluation/evaluation.events.js';

const UNIT = 10n ** 18n;

/** Wallets `eip155:31337:0x11…`, `…22…` and so on. */
export const walletOf = (digit: number): string => `eip155:31337:0x${String(digit).repeat(40)}`;

export const scoringId = '11111111-1111-8111-8111-111111111111';
export const submission = 'tasks/00000000-0000-7000-8000-000000000001/submissions/00000000-0000-7000-8000-000000000002';
export const evaluationId = evaluationIdOf(scoringId, submission);

/** Terms of one evaluation: sealing until 1 000, revealing until 2 000. */
export const terms: EvaluationTerms = {
  evaluationId,
  scoringId,
  task: 'tasks/00000000-0000-7000-8000-000000000001',
  submission,
  owner: walletOf(9),
  order: 0,
  round: 1,
  purpose: 'epoch',
  artifactSha256: 'aa'.repeat(32),
  dataSetSha256: 'bb'.repeat(32),
  dataSetRows: 100,
  labelColumn: 'diabetes',
  metric: 'accuracy',
  inputShape: [8],
  outputShape: [1],
  millisecondsPerRowMax: 100,
  consensus: 'median',
  lambdaNano: 1_000_000_000n,
  toleranceNano: 1_000_000n,
  metricStepNano: 10_000_000n,
  quorum: 3,
  intervalSeconds: 0,
  sealDueAtMs: 1000,
  revealDueAtMs: 2000,
};

/** Opens with validators 1 to 5, of whom 1 and 2 are managed, all of them drawn. */
export const openCommand = (fields: Partial<OpenEvaluation> = {}): OpenEvaluation => ({
  kind: 'open',
  terms,
  beacon: { kind: 'seeded', value: '5e'.repeat(32) },
  candidates: [1, 2, 3, 4, 5].map((digit) => ({ wallet: walletOf(digit), party: walletOf(digit), stakeUnits: 3000n * UNIT })),
  excludedParties: new Set([walletOf(9)]),
  validatorsPerSubmission: 5,
  managed: new Set([walletOf(1), walletOf(2)]),
  nowMs: 10,
  ...fields,
});

export const assignmentOf = (digit: number): string => assignmentIdOf(evaluationId, walletOf(digit));

/** 32 bytes of salt as hex. */
export const salt = 'cc'.repeat(32);

/** Bits of a double as in a manifest. */
export function bitsOf(value: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytesToHex(bytes);
}

export const manifestOf = (score: number): Manifest => ({
  artifactSha256: terms.artifactSha256,
  dataSetSha256: terms.dataSetSha256,
  metric: 'accuracy',
  metricVersion: 1,
  runtime: 'onnxruntime-node 1.30.0',
  executionProvider: 'cpu',
  graphOptimisation: 'all',
  threads: 1,
  batchSize: 256,
  resultBits: bitsOf(score),
});

export const revealOf = (digit: number, score: number, nowMs: number, fields: Partial<RevealScore> = {}): RevealScore => ({
  kind: 'reveal',
  assignmentId: assignmentOf(digit),
  validator: walletOf(digit),
  scoreNano: BigInt(Math.round(score * 1e9)),
  salt,
  manifest: manifestOf(score),
  manifestSha256: 'dd'.repeat(32),
  nowMs,
  ...fields,
});
