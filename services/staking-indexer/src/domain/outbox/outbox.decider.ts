import { err, ok, reject, type Decider, type Rejection, type Result, type SnapshotCodec } from '@skein/kernel';
import { replaces } from './fees.policy.js';
import { contentOf, intentId, intentProblem } from './intent.js';
import type { AcceptIntent, FreezeSigner, HoldIntent, OutboxCommand, ParkIntent, RecordReceipt, RecordSigned, StartSigner, ThawSigner } from './outbox.commands.js';
import type { OutboxEvent } from './outbox.events.js';
import { evolveOutbox, findOpen, flying, initialOutboxState, type OpenIntent, type OutboxState } from './outbox.state.js';

type Decision = Result<readonly OutboxEvent[], Rejection>;

const refused = (rule: string, message: string): Decision => reject('failed-precondition', rule, message);

function decideStart({ chainId, signer, nonce }: StartSigner, state: OutboxState): Decision {
  if (state.signer !== '' && state.chainId !== chainId) return refused('another-chain', `this outbox is of chain ${state.chainId}, not ${chainId}`);
  if (state.signer === signer) return ok([]);
  if (flying(state).length > 0) return refused('signer-under-way', `transactions of ${state.signer} are under way: ${signer} has to wait for them`);
  return ok([{ type: 'skein.staking.signer.started.v1', data: { chainId, signer, nonce } }]);
}

/** Ids that are over are refused, or answered again, by the idempotency key that the command comes with. */
function decideAccept({ intent, nowMs }: AcceptIntent, state: OutboxState): Decision {
  const problem = intentProblem(intent);
  if (problem !== undefined) return err(problem);
  const id = intentId(intent);
  const known = findOpen(state, id);
  if (known === undefined) return ok([{ type: 'skein.staking.intent.accepted.v1', data: { id, intent, acceptedAtMs: nowMs } }]);
  if (contentOf(known.intent) === contentOf(intent)) return ok([]);
  return reject('conflict', 'intent-decided-otherwise', `${id} was decided before, and otherwise`);
}

/** Parked with its reason in the same append: nobody ever sees it without. */
function decideHold({ intent, refusal, nowMs }: HoldIntent, state: OutboxState): Decision {
  const accepted = decideAccept({ kind: 'accept', intent, nowMs }, state);
  if (!accepted.ok || accepted.value.length === 0) return accepted;
  return ok([...accepted.value, { type: 'skein.staking.intent.parked.v1', data: { id: intentId(intent), refusal, atMs: nowMs } }]);
}

function decideSign({ id, nonce, transaction }: RecordSigned, state: OutboxState): Decision {
  if (state.frozen !== undefined) return refused('signer-frozen', state.frozen.message);
  const intent = findOpen(state, id);
  if (intent === undefined) return refused('intent-not-open', `${id} is not open`);
  const problem = intent.flight === undefined ? nonceProblem(nonce, state) : replacementProblem(intent.flight, nonce, transaction);
  if (problem !== undefined) return err(problem);
  return ok([{ type: 'skein.staking.transaction.signed.v1', data: { id, nonce, transaction } }]);
}

const wrong = (rule: string, message: string): Rejection => ({ code: 'failed-precondition', rule, message });

function nonceProblem(nonce: number, { signer, nextNonce }: OutboxState): Rejection | undefined {
  if (signer === '') return wrong('signer-not-started', 'nobody signs yet');
  return nonce === nextNonce ? undefined : wrong('nonce-not-next', `nonce ${nonce} is not the next one, ${nextNonce}`);
}

function replacementProblem({ nonce, transactions }: NonNullable<OpenIntent['flight']>, next: number, transaction: RecordSigned['transaction']): Rejection | undefined {
  const last = transactions.at(-1)!;
  if (next !== nonce) return wrong('second-nonce', `the intent has nonce ${nonce} and gets no other while that one can have its effect`);
  if (transaction.call !== last.call) return wrong('another-call', 'a replacement calls what was called before');
  return replaces(transaction, last) ? undefined : wrong('fees-not-raised', 'a replacement pays an eighth more, on both fees');
}

function decideReceipt({ id, hash, block, refusal, nowMs }: RecordReceipt, state: OutboxState): Decision {
  const flight = findOpen(state, id)?.flight;
  if (flight === undefined || !flight.transactions.some((transaction) => transaction.hash === hash)) return refused('not-under-way', `${hash} is no transaction of ${id} that is under way`);
  if (refusal === undefined) return ok([{ type: 'skein.staking.intent.settled.v1', data: { id, how: 'mined', hash, block } }]);
  return ok([{ type: 'skein.staking.transaction.reverted.v1', data: { id, nonce: flight.nonce, hash, block, refusal, atMs: nowMs } }]);
}

/** What only an intent without a nonce may do: a nonce that was given must be used, or those behind it never will be. */
function idle(id: string, state: OutboxState, decide: (intent: OpenIntent) => Decision): Decision {
  const intent = findOpen(state, id);
  if (intent === undefined) return refused('intent-not-open', `${id} is not open`);
  if (intent.flight !== undefined) return refused('still-under-way', `${id} has a transaction under way with nonce ${intent.flight.nonce}`);
  return decide(intent);
}

function decidePark({ id, refusal, nowMs }: ParkIntent, state: OutboxState): Decision {
  return idle(id, state, ({ parked }) =>
    ok(parked?.refusal.error === refusal.error ? [] : [{ type: 'skein.staking.intent.parked.v1', data: { id, refusal, atMs: nowMs } }]),
  );
}

function decideFreeze({ id, nonce, rule, message }: FreezeSigner, state: OutboxState): Decision {
  const held = findOpen(state, id)?.flight?.nonce === nonce;
  return ok(held && state.frozen === undefined ? [{ type: 'skein.staking.signer.frozen.v1', data: { rule, message } }] : []);
}

function decideThaw({ nonce }: ThawSigner, state: OutboxState): Decision {
  return state.frozen === undefined ? refused('not-frozen', 'nothing is frozen') : ok([{ type: 'skein.staking.signer.thawed.v1', data: { nonce } }]);
}

function decide(command: OutboxCommand, state: OutboxState): Decision {
  switch (command.kind) {
    case 'start':
      return decideStart(command, state);
    case 'accept':
      return decideAccept(command, state);
    case 'hold':
      return decideHold(command, state);
    case 'sign':
      return decideSign(command, state);
    case 'receipt':
      return decideReceipt(command, state);
    case 'park':
      return decidePark(command, state);
    case 'adopt':
      return idle(command.id, state, ({ id }) => ok([{ type: 'skein.staking.intent.settled.v1', data: { id, how: command.how ?? 'adopted', hash: '', block: command.block } }]));
    case 'contradict':
      return idle(command.id, state, ({ id }) => ok([{ type: 'skein.staking.intent.contradicted.v1', data: { id, difference: command.difference, block: command.block } }]));
    case 'withdraw':
      return idle(command.id, state, ({ id }) => ok([{ type: 'skein.staking.intent.withdrawn.v1', data: { id, reason: command.reason } }]));
    case 'freeze':
      return decideFreeze(command, state);
    case 'thaw':
      return decideThaw(command, state);
  }
}

const snapshot: SnapshotCodec<OutboxState> = {
  name: 'outbox',
  version: 1,
  every: 256,
  encode: (state) => state,
  decode: (kept) => kept as OutboxState,
};

/** Gives nonces without a gap, one to an intent at a time, and remembers every byte that may reach the chain. */
export const outboxDecider: Decider<OutboxState, OutboxCommand, OutboxEvent> = { initialState: () => initialOutboxState, decide, evolve: evolveOutbox, snapshot };
