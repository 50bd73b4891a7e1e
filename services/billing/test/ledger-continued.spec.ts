import { readFileSync } from 'node:fs';
import { canonicalJson, decodePayload, encodePayload, fold } from '@skein/kernel';
import { expect, test } from 'vitest';
import { firstBrokenLink } from '../src/domain/ledger/hash-chain.policy.js';
import { ledgerDecider } from '../src/domain/ledger/ledger.decider.js';
import { ledgerSnapshot } from '../src/domain/ledger/ledger.snapshot.js';
import { nothingPlayed, step } from '../src/domain/ledger/test-ledger.js';
import { trialBalance } from '../src/domain/ledger/trial-balance.policy.js';
import { goldenAppends, goldenDecisions } from './golden-ledger.js';

test('what the program decided that forgot nothing, this one decides, too: event by event, refusal by refusal', () => {
  let played = nothingPlayed();
  for (const { command, outcome } of goldenDecisions()) {
    const next = step(played, command);
    played = next;
    const { decided } = next;
    expect(decided.ok ? decided.value : { code: decided.error.code, rule: decided.error.rule }).toEqual(outcome);
  }
  expect(played.log).toEqual(goldenAppends().flat());
});

test('its stream is read as it is, balances, and its chain holds', () => {
  const log = goldenAppends().flat();
  const state = fold(ledgerDecider, log);
  expect(trialBalance(state.books.accounts.values()).difference).toBe(0n);
  const links = log.flatMap((event) => (event.type === 'skein.billing.ledger.transfers-applied.v1' ? [event.data] : []));
  expect(firstBrokenLink(links)).toBe(-1);
  expect(links.at(-1)?.hash).toBe(state.head);
});

test('a kept ledger is what it was when this version of it was released: else its version has to be raised', () => {
  const file = new URL(`./golden/snapshots/ledger.v${ledgerSnapshot.version}.json`, import.meta.url);
  const state = fold(ledgerDecider, goldenAppends().flat());
  const stored: unknown = JSON.parse(readFileSync(file, 'utf8'));
  expect(JSON.parse(JSON.stringify(encodePayload(ledgerSnapshot.encode(state))))).toEqual(stored);
  expect(canonicalJson(ledgerSnapshot.encode(ledgerSnapshot.decode(decodePayload(stored))))).toBe(canonicalJson(ledgerSnapshot.encode(state)));
});
