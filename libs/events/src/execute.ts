import { decodePayload, err, ok, RejectionError, type Decider, type DomainEvent, type Rejection, type Result } from '@skein/kernel';
import { failpoint } from '@skein/telemetry';
import pg, { type Pool } from 'pg';
import { encodeAndDecode, toJsonText, toDomainEvent, type StoredEvent } from './codec.js';
import { commit, versionConflict } from './commit.js';
import type { CommitOutcome } from './group-commit.js';
import { load, type Loaded, type LoadRequest } from './load.js';
import { eventMetrics } from './metrics.js';
import type { Kept, Snapshots } from './snapshots.js';
import type { SeenClock } from './seen-clock.js';
import type { StateCache } from './state-cache.js';
import { errorCode } from './transaction.js';
import type { EventMetadata, Execute, Executed, Recorded, Upcasters } from './types.js';

/** What the command path uses of its store. */
export interface ExecuteContext {
  pool: Pool;
  upcasters: Upcasters;
  cache: StateCache;
  clock: SeenClock;
  snapshots: Snapshots;
  /** Called after a commit with events. */
  wake: () => void;
}

type Outcome<A> = Result<Executed<A>, Rejection>;

// Each conflict means that another process has moved the stream on; so many in a row is no longer bad luck.
const MAX_TRIES = 50;

/** What is known of a stream before its tail is read: from memory, or on a cold start from its snapshot. */
async function knownState<S, C, E extends DomainEvent>({ cache, snapshots }: ExecuteContext, decider: Decider<S, C, E>, streamId: string): Promise<Kept<S>> {
  const cached = cache.get(decider, streamId);
  if (cached) return { version: cached.version, state: cached.state as S };
  return (decider.snapshot && (await snapshots.load(decider.snapshot, streamId))) ?? { version: 0, state: decider.initialState() };
}

/** The state as the database has it, remembered. Events are folded as they come, so that a long stream costs time but no memory. */
export async function loadState<S, C, E extends DomainEvent>(
  context: ExecuteContext, decider: Decider<S, C, E>, streamId: string, asked: Pick<LoadRequest, 'key' | 'inbox'> = {},
): Promise<Kept<S> & { loaded: Loaded }> {
  const { cache, clock, pool, snapshots, upcasters } = context;
  const before = await knownState(context, decider, streamId);
  let { state } = before;
  const take = (page: readonly StoredEvent[]): void => {
    for (const stored of page) state = decider.evolve(state, toDomainEvent(upcasters, stored) as E);
  };
  const loaded = await load(pool, { ...asked, streamId, version: before.version }, take);
  const { nowMs, version } = loaded;
  clock.told(nowMs);
  if (version > before.version && before.version > 0) cache.distrust(streamId);
  cache.set(decider, streamId, version, state, nowMs);
  if (decider.snapshot) snapshots.passed(decider.snapshot, streamId, before.version, { version, state });
  return { state, version, loaded };
}

function known<A>(pool: Pool, request: Pick<Execute<never, never, never>, 'streamId' | 'key' | 'inbox'>, loaded: Loaded, version: number): Outcome<A> | undefined {
  if (loaded.answered && request.key) {
    const { requestHash, streamId, version: storedVersion, answer } = loaded.answered;
    if (requestHash !== request.key.requestHash)
      return err({ code: 'conflict', rule: 'idempotency-key-reused', field: 'request_id', message: 'this idempotency key was used for another request' });
    failpoint('key.answered');
    return ok({ streamId, version: storedVersion, answer: answer as A | undefined, duplicate: true, events: [] });
  }
  if (!loaded.seen) return undefined;
  eventMetrics(pool).inboxDuplicates.add(1, { consumer: request.inbox?.consumer ?? '' });
  return ok({ streamId: request.streamId, version, answer: undefined, duplicate: true, events: [] });
}

const commandIdOf = (request: Pick<Execute<never, never, never>, 'key' | 'inbox'>): string | undefined => {
  if (request.key) return `key\0${request.key.scope}\0${request.key.key}`;
  if (request.inbox) return `inbox\0${request.inbox.consumer}\0${request.inbox.messageId}`;
  return undefined;
};

/** Links of one span, by OpenTelemetry's default. */
const LINKS_MAX = 128;

async function metadataOf<S, C, E extends DomainEvent, A>({ key, metadata, links }: Execute<S, C, E, A>, events: readonly E[]): Promise<EventMetadata> {
  const keyed = key && metadata.idempotencyKey === undefined ? { ...metadata, idempotencyKey: key.key } : metadata;
  const linking = events.length === 0 ? undefined : links?.(events);
  if (linking === undefined) return keyed;
  const linked = [...new Set(await linking)].slice(0, LINKS_MAX);
  return linked.length === 0 ? keyed : { ...keyed, links: linked };
}

type Tried<A> = { done: Outcome<A> } | { conflictAt: number };

/** What a try decides on. `clockMs`: remembered, not asked for. */
interface Ground<S> extends Kept<S> {
  nowMs: number;
  clockMs?: number;
}

/** One try on what the database says now. */
async function attempt<S, C, E extends DomainEvent, A>(context: ExecuteContext, request: Execute<S, C, E, A>): Promise<Tried<A>> {
  const { decider, streamId } = request;
  const { loaded, state, version } = await loadState(context, decider, streamId, request);
  const before = known<A>(context.pool, request, loaded, version);
  if (before) return { done: before };
  const decided = await decideOn(request, loaded.nowMs, { state, version });
  if (!decided.ok) return { done: decided };
  return write(context, request, { state, version, nowMs: loaded.nowMs }, decided.value);
}

const decideOn = async <S, C, E extends DomainEvent, A>({ decider, command }: Execute<S, C, E, A>, nowMs: number, { state, version }: Kept<S>): Promise<Result<readonly E[], Rejection>> =>
  decider.decide(await command(nowMs, state, version), state);

/**
 * One try on what this process remembers of the stream and of the database's clock. The append finds out whether both were
 * right, and whether the key or the message is new; undefined where they were not or where nothing is to be appended: refusals
 * and failures count only on what the database says.
 */
async function attemptAtOnce<S, C, E extends DomainEvent, A>(context: ExecuteContext, request: Execute<S, C, E, A>): Promise<Tried<A> | undefined> {
  const seenMs = context.clock.nowMs();
  const cached = seenMs === undefined ? undefined : context.cache.trusted(request.decider, request.streamId);
  if (cached === undefined || seenMs === undefined) return undefined;
  const state = cached.state as S;
  const nowMs = Math.max(seenMs, cached.atMs);
  const decided = await decideOn(request, nowMs, { state, version: cached.version }).catch(() => undefined);
  if (!decided?.ok || decided.value.length === 0) return undefined;
  const tried = await write(context, request, { version: cached.version, state, nowMs, clockMs: context.clock.nowMs() ?? nowMs }, decided.value);
  return 'done' in tried ? tried : undefined;
}

/** Appends what was decided. */
async function write<S, C, E extends DomainEvent, A>(context: ExecuteContext, request: Execute<S, C, E, A>, ground: Ground<S>, decided: readonly E[]): Promise<Tried<A>> {
  const { decider, streamId } = request;
  const metadata = await metadataOf(request, decided);
  const encoded = encodeAndDecode(context.upcasters, streamId, ground.version, commandIdOf(request), decided, metadata, ground.nowMs);
  const events = encoded.map((event) => event.recorded);
  const typed = events as unknown as Recorded<E>[];
  const state = typed.reduce((folded, event) => decider.evolve(folded, event as unknown as E), ground.state);
  const effects = request.effects?.(typed, state) ?? [];
  const answer = normalised(request.answer?.(state, typed));
  const version = ground.version + events.length;
  const done = ok({ streamId, version, answer, duplicate: false, events });
  if (events.length === 0 && effects.length === 0 && !request.key && !request.inbox) return { done };
  const outcome = await commit(context.pool, {
    streamId, expected: ground.version, encoded, metadata, recordedAtMs: ground.nowMs, effects, answer,
    ...(ground.clockMs === undefined ? {} : { clockMs: ground.clockMs }),
    ...(request.key ? { key: request.key } : {}), ...(request.inbox ? { inbox: request.inbox } : {}),
  });
  return settle(context, request, outcome, ground, { version, state }, done);
}

function settle<S, C, E extends DomainEvent, A>(
  context: ExecuteContext, request: Execute<S, C, E, A>, outcome: CommitOutcome, before: Ground<S>, after: Kept<S>, done: Result<Executed<A>, Rejection>,
): Tried<A> {
  switch (outcome.status) {
    case 'appended':
      context.cache.set(request.decider, request.streamId, after.version, after.state, before.nowMs);
      if (request.decider.snapshot) context.snapshots.passed(request.decider.snapshot, request.streamId, before.version, after);
      context.wake();
      return { done };
    case 'inbox':
      // Whoever took the message in the meantime may have left an answer under the key, too: the next look finds it.
      if (request.key) return { conflictAt: outcome.version };
      return { done: ok({ streamId: request.streamId, version: outcome.version, answer: undefined, duplicate: true, events: [] }) };
    case 'event-id':
      return { done: err({ code: 'conflict', rule: 'command-repeated', message: 'this command was carried out before and its key has expired' }) };
    case 'unsure':
      context.clock.forget();
      return { conflictAt: outcome.version };
    case 'conflict':
    case 'key':
      return { conflictAt: outcome.version };
  }
}

/** The answer as a retry will read it. */
function normalised<A>(answer: A): A {
  const text = toJsonText(answer);
  return (text === null ? undefined : decodePayload(JSON.parse(text))) as A;
}

/** SQLSTATE by which a trigger of a service's own on `es_event` refuses an append; its hint is the rule. */
const REFUSED_BY_TRIGGER = 'SK002';

/** What a trigger refused: something that has to be seen in the very transaction of the append, and may be otherwise later. */
function triggersRefusal(error: unknown): Rejection | undefined {
  if (errorCode(error) !== REFUSED_BY_TRIGGER || !(error instanceof pg.DatabaseError)) return undefined;
  return { code: 'unavailable', rule: error.hint ?? 'append-refused', message: error.message, retriable: true };
}

/** Carries out one command; see `EventStore.execute`. */
export async function executeCommand<S, C, E extends DomainEvent, A>(context: ExecuteContext, request: Execute<S, C, E, A>): Promise<Outcome<A>> {
  let conflictAt = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    try {
      const tried = (tries === 0 ? await attemptAtOnce(context, request) : undefined) ?? (await attempt(context, request));
      if ('done' in tried) return tried.done;
      conflictAt = tried.conflictAt;
    } catch (error) {
      if (error instanceof RejectionError) return err(error.rejection);
      const refused = triggersRefusal(error);
      if (refused !== undefined) return err(refused);
      // A deadlock's victim has written nothing.
      if (errorCode(error) !== '40P01') throw error;
    }
  }
  return err(versionConflict(request.streamId, 'any', conflictAt));
}
