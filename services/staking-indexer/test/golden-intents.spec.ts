import { readdirSync } from 'node:fs';
import { decodePayload, encodePayload } from '@skein/kernel';
import { expect, test } from 'vitest';
import { callOf } from '../src/application/outbox/intent-calls.js';
import { contentOf, intentId, intentKinds, intentProblem, isForChain } from '../src/domain/outbox/intent.js';
import { goldenIntents } from './golden-intents.js';
import { CONTRACTS } from './outbox-parts.js';

const all = Object.entries(goldenIntents);

test('every kind has its golden file, and nothing else has', () => {
  expect(new Set(all.map(([, { kind }]) => kind))).toEqual(new Set(intentKinds));
  expect(readdirSync(new URL('./golden/intents/', import.meta.url)).sort()).toEqual(all.map(([name]) => `${name}.json`).sort());
});

// Its name and its content make an idempotency key that lives for ever; its call is compared with bytes that were signed before.
test.each(all)('an intent %s is stored, named and called as it was first', async (name, intent) => {
  expect(intentProblem(intent)).toBeUndefined();
  expect(decodePayload(encodePayload(intent))).toEqual(intent);
  const call = isForChain(intent) ? { call: callOf(intent, CONTRACTS) } : {};
  const kept = { id: intentId(intent), intent: encodePayload(intent), content: contentOf(intent), ...call };
  await expect(`${JSON.stringify(kept, undefined, 2)}\n`).toMatchFileSnapshot(`golden/intents/${name}.json`);
});
