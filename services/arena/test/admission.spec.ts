import type { ArtifactStore } from '@skein/artifacts';
import { type Rejection, type Result, reject } from '@skein/kernel';
import { expect, test } from 'vitest';
import { ADMISSION_ATTEMPTS_MIN, AdmissionHandler } from '../src/application/admission.js';
import type { EpochCommands } from '../src/application/epoch-commands.js';
import type { Admission } from '../src/domain/epoch/epoch.commands.js';
import type { EpochPhase } from '../src/domain/epoch/epoch.state.js';
import { TASK_ID, opened } from './domain.fixtures.js';

const coded = (code: string): Error => Object.assign(new Error(code), { code });
const rotten = new Error('the bytes are not those of their name');

interface Scene {
  readonly failure: unknown;
  readonly phase?: EpochPhase;
  /** What the store answers, instead of failing. */
  readonly opens?: Result<never, Rejection>;
  readonly answer?: Result<unknown, Rejection>;
}

/** A handler whose store fails so, and what it recorded. */
function scene({ failure, phase = 'revealing', opens, answer = { ok: true, value: undefined } }: Scene) {
  const recorded: Admission[] = [];
  const artifacts = { open: () => (opens === undefined ? Promise.reject(failure) : Promise.resolve(opens)) } as unknown as ArtifactStore;
  const epochs = {
    state: async () => ({ opened: opened().data, phase }),
    recordAdmission: async (_task: string, _epoch: number, _submission: string, admission: Admission) => {
      recorded.push(admission);
      return answer;
    },
  } as unknown as EpochCommands;
  const payload = { taskId: TASK_ID, epoch: 1, correlationId: 'c', causationId: 'e', submissionId: 's', artifactSha256: 'ab'.repeat(32) };
  const handler = new AdmissionHandler(artifacts, epochs);
  return { recorded, attempt: (attempts: number) => handler.handle({ payload, attempts }) };
}

test.each(['ECONNREFUSED', 'ENOSPC', '57P03'])('an outage (%s) decides nothing, however often it is met', async (code) => {
  const { recorded, attempt } = scene({ failure: coded(code) });
  for (const attempts of [1, 5, ADMISSION_ATTEMPTS_MIN, 500]) await expect(attempt(attempts)).rejects.toThrow(code);
  expect(recorded).toEqual([]);
});

test('another failure of ours is met for most of a minute before the epoch is asked', async () => {
  const { recorded, attempt } = scene({ failure: rotten });
  for (let attempts = 1; attempts < ADMISSION_ATTEMPTS_MIN; attempts += 1) await expect(attempt(attempts)).rejects.toBe(rotten);
  expect(recorded).toEqual([]);
  await attempt(ADMISSION_ATTEMPTS_MIN);
  expect(recorded).toMatchObject([{ admitted: false, rule: 'platform-fault', platformFault: true }]);
});

test('bytes that their owner has taken back are rejected at once, by its own doing', async () => {
  const { recorded, attempt } = scene({ failure: undefined, opens: reject('not-found', 'artifact-not-found', 'there is no such artifact') });
  await attempt(1);
  expect(recorded).toMatchObject([{ admitted: false, rule: 'artifact-withdrawn', platformFault: false }]);
});

test('while the epoch says that it is not final, the job is retried without using up its attempts, and tells the cause', async () => {
  const { attempt } = scene({ failure: rotten, answer: reject('unavailable', 'admission-open', 'read it again') });
  await expect(attempt(40)).rejects.toMatchObject({ retriable: true, cause: rotten });
});

test('an epoch that waits for no admission any more ends the job', async () => {
  for (const phase of ['cancelled', 'scoring', 'closed'] as const) {
    const { recorded, attempt } = scene({ failure: coded('ECONNREFUSED'), phase });
    await attempt(1);
    expect(recorded).toEqual([]);
  }
});
