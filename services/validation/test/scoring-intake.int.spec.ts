import { eventsMigrations, EventStore, type EventMetadata } from '@skein/events';
import type { Beacon } from '@skein/kernel';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EvaluationDesk } from '../src/application/evaluation-desk.js';
import { ScoringIntake } from '../src/application/scoring-intake.js';
import type { ScoringRequest } from '../src/application/scoring-request.js';
import { evaluationIdOf } from '../src/domain/evaluation/evaluation.decider.js';
import { submission, terms, walletOf } from './evaluation.fixtures.js';

const metadata: EventMetadata = { correlationId: 'c', actor: 'test' };
const inbox = { consumer: 'validation', messageId: 'arena.task.v1/m' };
const second = `${submission.slice(0, -1)}3`;
const { evaluationId: _, submission: __, owner, artifactSha256, order, sealDueAtMs: ___, revealDueAtMs: ____, ...shared } = terms;
const request: ScoringRequest = {
  ...shared, taskRequestId: 'r', validatorsPerSubmission: 5, requestedAtMs: 0, deadlineMs: 3_000,
  submissions: [submission, second].map((name) => ({ submission: name, owner, artifactSha256, order })),
  validators: [1, 2, 3].map((digit) => ({ wallet: walletOf(digit), stakeUnits: 10n })),
};

let db: TestDatabase;
let store: EventStore;
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterEach(async () => {
  await store.close();
  await db.drop();
});

/** The intake; `cut` ends it before the evaluation of the second submission, as a process that dies there. */
function intake(cut = false): ScoringIntake {
  const desk = new EvaluationDesk(store);
  const give: EvaluationDesk['give'] = (id, origin, command) => (cut && id === evaluationIdOf(shared.scoringId, second) ? Promise.reject(new Error('cut')) : desk.give(id, origin, command));
  const beacon: Beacon = { draw: async () => ({ kind: 'seeded', value: '5e'.repeat(32) }) };
  return new ScoringIntake(store, { give } as EvaluationDesk, beacon, { partiesOf: async () => new Map() });
}
const streams = async (): Promise<number> => (await db.appPool.query('SELECT DISTINCT stream_id FROM es_event')).rowCount ?? 0;
const noted = async (): Promise<number> => (await db.appPool.query('SELECT FROM es_inbox WHERE consumer = $1 AND message_id = $2', [inbox.consumer, inbox.messageId])).rowCount ?? 0;

test('a request that was cut short goes on when it comes again; then it is in the inbox, and once more has no effect', async () => {
  await expect(intake(true).open(request, { metadata, inbox })).rejects.toThrow('cut');
  expect([await streams(), await noted()]).toEqual([2, 0]);
  await intake().open(request, { metadata, inbox });
  expect([await streams(), await noted()]).toEqual([3, 1]);
  await intake().open({ ...request, submissions: [{ submission: `${submission.slice(0, -1)}4`, owner, artifactSha256, order }] }, { metadata, inbox });
  expect(await streams()).toBe(3);
});

test('a request that an operator has discarded has no effect, wherever it comes from', async () => {
  await db.appPool.query('INSERT INTO es_inbox (consumer, message_id) VALUES ($1, $2)', [inbox.consumer, inbox.messageId]);
  await intake().open(request, { metadata, inbox });
  expect(await streams()).toBe(0);
});

test('a scoring of nothing is in the inbox, too', async () => {
  await intake().open({ ...request, submissions: [] }, { metadata, inbox });
  expect([await streams(), await noted()]).toEqual([1, 1]);
});
