import { Metric } from '@skein/contracts/arena';
import type { Person, Stage } from './stage.js';

/** A value of a hidden row that occurs nowhere else: it must not leave the artifact store. */
export const CANARY = '4711.2519';

/** A CSV of `rows` rows with two features; other `first` means other rows. Hidden ones (from 100 on) end with the canary. */
export function csv(first: number, rows: number): Uint8Array {
  const lines = Array.from({ length: rows }, (_, index) => `${first + index},${((first + index) * 7) % 13},${(first + index) % 2}`);
  if (first >= 100) lines[rows - 1] = `${CANARY},${first},1`;
  return new TextEncoder().encode(`a,b,label\n${lines.join('\n')}\n`);
}

/** Uploads three disjoint sets as the given person. */
export async function uploadSets(stage: Stage, who: Person) {
  return {
    trainingSha256: await stage.upload(who, csv(0, 20)),
    rotatingSha256: [await stage.upload(who, csv(100, 10))],
    heldBackSha256: await stage.upload(who, csv(200, 10)),
    labelColumn: 'label',
  };
}

export type DataSets = Awaited<ReturnType<typeof uploadSets>>;

/** A valid proposal; tests break one thing at a time. */
export const proposal = (dataSets: DataSets, requestId: string) => ({
  requestId,
  title: 'Odd or even',
  goal: 'Tell odd numbers from even ones.',
  metric: Metric.ACCURACY,
  schema: { input: { elementType: 'float', shape: [2] }, output: { elementType: 'float', shape: [1] } },
  dataSets,
  schedule: { epochs: 2, epochSeconds: 60, stakingSeconds: 600, commitSeconds: 60, revealSeconds: 60, scoringSeconds: 60, challengeSeconds: 0, vestingSeconds: 10, earlyClose: true, nodesExpected: 3, validatorsExpected: 3 },
  rules: { quotaPerEpoch: 1, quorum: 2, validatorsPerSubmission: 3 },
});

/** The same as a client writes it in JSON. */
export function restProposal(dataSets: DataSets): Record<string, unknown> {
  const { requestId: _, ...rest } = proposal(dataSets, '');
  return { ...rest, metric: 'METRIC_ACCURACY' };
}
