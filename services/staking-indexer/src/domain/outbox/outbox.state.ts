import type { Intent } from './intent.js';
import type { OutboxEvent, Refusal, SignedTransaction } from './outbox.events.js';

/** An intent's nonce and its transactions; the last one replaces the others, any of them may be mined. */
export interface Flight {
  readonly nonce: number;
  readonly transactions: readonly SignedTransaction[];
}

/** An intent without its final effect. */
export interface OpenIntent {
  readonly id: string;
  readonly intent: Intent;
  readonly acceptedAtMs: number;
  readonly parked?: { readonly refusal: Refusal; readonly atMs: number };
  readonly flight?: Flight;
}

/** What is under way. Intents that are over leave the state; that an id was used stays with the store's idempotency keys, for ever. */
export interface OutboxState {
  readonly chainId: number;
  /** Empty before the start. */
  readonly signer: string;
  readonly nextNonce: number;
  /** In the order in which they were accepted. */
  readonly open: readonly OpenIntent[];
  readonly frozen?: { readonly rule: string; readonly message: string };
}

export const initialOutboxState: OutboxState = { chainId: 0, signer: '', nextNonce: 0, open: [] };

export const findOpen = (state: OutboxState, id: string): OpenIntent | undefined => state.open.find((intent) => intent.id === id);

/** Those with a nonce, lowest first. */
export const flying = (state: OutboxState): readonly (OpenIntent & { readonly flight: Flight })[] =>
  state.open.filter((intent): intent is OpenIntent & { flight: Flight } => intent.flight !== undefined).sort((a, b) => a.flight.nonce - b.flight.nonce);

const closed = (state: OutboxState, id: string): OutboxState => ({ ...state, open: state.open.filter((intent) => intent.id !== id) });

const changed = (state: OutboxState, id: string, change: (intent: OpenIntent) => OpenIntent): OutboxState => ({
  ...state,
  open: state.open.map((intent) => (intent.id === id ? change(intent) : intent)),
});

const grounded = ({ id, intent, acceptedAtMs, parked }: OpenIntent): OpenIntent => ({ id, intent, acceptedAtMs, ...(parked === undefined ? {} : { parked }) });

function withSigned(state: OutboxState, id: string, nonce: number, transaction: SignedTransaction): OutboxState {
  const next = changed(state, id, ({ id: same, intent, acceptedAtMs, flight }) => ({
    id: same,
    intent,
    acceptedAtMs,
    flight: { nonce, transactions: [...(flight?.transactions ?? []), transaction] },
  }));
  return { ...next, nextNonce: Math.max(next.nextNonce, nonce + 1) };
}

function thawed({ frozen: _frozen, ...state }: OutboxState, nonce: number): OutboxState {
  const open = state.open.map((intent) => (intent.flight !== undefined && intent.flight.nonce < nonce ? grounded(intent) : intent));
  return { ...state, open, nextNonce: Math.max(state.nextNonce, nonce) };
}

export function evolveOutbox(state: OutboxState, event: OutboxEvent): OutboxState {
  switch (event.type) {
    case 'skein.staking.signer.started.v1': {
      const { chainId, signer, nonce } = event.data;
      return { ...state, chainId, signer, nextNonce: nonce };
    }
    case 'skein.staking.intent.accepted.v1':
      return { ...state, open: [...state.open, event.data] };
    case 'skein.staking.transaction.signed.v1':
      return withSigned(state, event.data.id, event.data.nonce, event.data.transaction);
    case 'skein.staking.transaction.reverted.v1': {
      const { id, refusal, atMs } = event.data;
      return changed(state, id, (intent) => ({ ...grounded(intent), parked: { refusal, atMs } }));
    }
    case 'skein.staking.intent.parked.v1': {
      const { id, refusal, atMs } = event.data;
      return changed(state, id, (intent) => ({ ...intent, parked: { refusal, atMs: intent.parked?.atMs ?? atMs } }));
    }
    case 'skein.staking.intent.settled.v1':
    case 'skein.staking.intent.withdrawn.v1':
      return closed(state, event.data.id);
    case 'skein.staking.intent.contradicted.v1':
      return { ...closed(state, event.data.id), frozen: { rule: 'differs-on-chain', message: `${event.data.id}: ${event.data.difference}` } };
    case 'skein.staking.signer.frozen.v1':
      return { ...state, frozen: event.data };
    case 'skein.staking.signer.thawed.v1':
      return thawed(state, event.data.nonce);
  }
}
