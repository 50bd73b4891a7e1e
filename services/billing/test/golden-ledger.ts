import { readFileSync } from 'node:fs';
import { decodePayload } from '@skein/kernel';
import type { LedgerCommand } from '../src/domain/ledger/ledger.commands.js';
import type { LedgerEvent } from '../src/domain/ledger/ledger.events.js';

/** A command given to the program that kept every transfer in the ledger's state, and what it decided: events, or a refusal. */
export interface GoldenDecision {
  readonly command: LedgerCommand;
  readonly outcome: readonly LedgerEvent[] | { readonly code: string; readonly rule: string };
}

/** 260 commands on one customer's ledger as that program took them: retried, in any order, before and after what they are about. */
export const goldenDecisions = (): GoldenDecision[] =>
  readFileSync(new URL('./golden/ledger-2026-11.jsonl', import.meta.url), 'utf8').trim().split('\n').map((line) => decodePayload(JSON.parse(line)) as GoldenDecision);

/** The ledger's events as that program appended them, a batch per command. */
export const goldenAppends = (): (readonly LedgerEvent[])[] => goldenDecisions().flatMap(({ outcome }) => ('code' in outcome || outcome.length === 0 ? [] : [outcome]));

/** The stream that they lie in. */
export const GOLDEN_STREAM = 'ledger-00000000-0000-8000-8000-00000000000c';
