import { RejectionError, type Rejection, type RejectionCode } from '@skein/kernel';
import { failpoint } from '@skein/telemetry';
import type { Pool } from 'pg';
import { toJsonText, type Encoded } from './codec.js';
import { GroupCommit, type CommitOutcome } from './group-commit.js';
import { eventMetrics } from './metrics.js';
import { withStoredTrace } from './tracing.js';
import type { CommandKey, Effect, EventMetadata, Expected, InboxEntry } from './types.js';

/** Limits of one append. Bigger data goes to artifacts. */
export const MAX_EVENTS_PER_APPEND = 256;
export const MAX_EVENT_BYTES = 65_536;

/** Everything one transaction of the store writes. */
export interface Commit {
  streamId: string;
  expected: Expected;
  encoded: readonly Encoded[];
  metadata: EventMetadata;
  /** undefined: the database's clock at the append. */
  recordedAtMs?: number;
  /** What the caller takes the database's clock to be, where it has decided on what it remembers (see `CommitOutcome.unsure`). */
  clockMs?: number;
  key?: CommandKey;
  answer?: unknown;
  inbox?: InboxEntry;
  effects?: readonly Effect[];
}

const rejection = (code: RejectionCode, rule: string, message: string): RejectionError => new RejectionError({ code, rule, message });

/** The refusal of a stream that is not at the expected version. */
export const versionConflict = (streamId: string, expected: Expected, actual: number): Rejection => ({
  code: 'conflict', rule: 'expected-version', retriable: true,
  message: `stream ${streamId} is at version ${actual}, expected ${expected === 'none' ? 'none' : expected === 'exists' ? 'an existing stream' : expected}`,
});

function expectedNumber(expected: Expected): number {
  if (expected === 'any') return -1;
  if (expected === 'exists') return -2;
  if (expected === 'none') return 0;
  if (!Number.isInteger(expected) || expected < 0) throw rejection('invalid-argument', 'expected-version', `not a version: ${expected}`);
  return expected;
}

function checkLimits(encoded: readonly Encoded[]): void {
  if (encoded.length > MAX_EVENTS_PER_APPEND)
    throw rejection('invalid-argument', 'too-many-events', `at most ${MAX_EVENTS_PER_APPEND} events in one append, not ${encoded.length}`);
  for (const { text, recorded } of encoded) {
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_EVENT_BYTES)
      throw rejection('invalid-argument', 'event-too-large', `event ${recorded.type} has ${bytes} bytes, at most ${MAX_EVENT_BYTES} are allowed`);
  }
}

function checkEffect(effect: Effect, traceparent: string | undefined): unknown {
  if ('timer' in effect && !Number.isSafeInteger(effect.timer.dueAtMs)) throw new TypeError(`timer ${effect.timer.id} is due at ${effect.timer.dueAtMs}, not at whole milliseconds`);
  if ('cancelTimer' in effect) return effect;
  // Only the payload may hold bigint; ids and kinds are read by SQL and stay as they are.
  return 'job' in effect
    ? { job: { ...effect.job, payload: withStoredTrace(payloadOf(effect.job.payload), traceparent) } }
    : { timer: { ...effect.timer, payload: withStoredTrace(payloadOf(effect.timer.payload), traceparent) } };
}

const payloadOf = (value: unknown): unknown => JSON.parse(toJsonText(value) ?? 'null');

/** Effects as JSON text for SQL; null where there are none. */
export const effectsText = (effects: readonly Effect[] | undefined, traceparent?: string): string | null =>
  effects?.length ? JSON.stringify(effects.map((effect) => checkEffect(effect, traceparent))) : null;

const keyText = ({ key, answer }: Commit): string | null => {
  if (!key) return null;
  const answerText = toJsonText(answer);
  return JSON.stringify({ ...key, ...(answerText === null ? {} : { answer: JSON.parse(answerText) }) });
};

/** Writes one command's outcome, all or nothing; it may share its transaction with other streams' (see `GroupCommit`). */
export async function commit(pool: Pool, request: Commit): Promise<CommitOutcome> {
  checkLimits(request.encoded);
  const metrics = eventMetrics(pool);
  failpoint('append.before');
  const startedMs = performance.now();
  const result = await GroupCommit.of(pool).commit({
    streamId: request.streamId, expected: expectedNumber(request.expected), encoded: request.encoded, metadata: JSON.stringify(request.metadata),
    recordedAtMs: request.recordedAtMs ?? null, clockMs: request.clockMs ?? null, key: keyText(request), inbox: request.inbox ? JSON.stringify(request.inbox) : null,
    effects: effectsText(request.effects, request.metadata.traceparent),
  });
  metrics.appendDuration.record((performance.now() - startedMs) / 1_000);
  if (result.status === 'appended') failpoint(request.key ? 'key.stored' : 'append.committed');
  if (result.status === 'conflict') metrics.appendConflicts.add(1);
  if (result.status === 'inbox') metrics.inboxDuplicates.add(1, { consumer: request.inbox?.consumer ?? '' });
  return result;
}
