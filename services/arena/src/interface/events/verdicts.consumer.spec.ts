import { RejectionError } from '@skein/kernel';
import type { PayoutFreeze } from '@skein/platform';
import { expect, test } from 'vitest';
import { VerdictsConsumer } from './verdicts.consumer.js';

test('no verdict is taken over while payouts are frozen: it is delivered again', async () => {
  const frozen = new RejectionError({ code: 'unavailable', rule: 'payouts-frozen', message: 'frozen', retriable: true });
  const freeze = { check: () => Promise.reject(frozen) } as Partial<PayoutFreeze> as PayoutFreeze;
  // Neither the store nor the epochs are asked for anything.
  const consumer = new VerdictsConsumer(undefined as never, undefined as never, freeze);
  await expect(consumer.agreed.handle({ submission: 'x' } as never, {} as never)).rejects.toBe(frozen);
  await expect(consumer.failed.handle({ submission: 'x' } as never, {} as never)).rejects.toBe(frozen);
});
