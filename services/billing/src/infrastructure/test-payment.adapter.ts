import type { Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { PaymentRequest, Payments } from '../application/payment.port.js';

/** A payment provider for devnets and tests: `test-card` pays, `test-card-declined` does not, nothing else exists. */
export class TestPayments implements Payments {
  async charge({ purchaseId, method }: PaymentRequest): Promise<Result<{ reference: string }, Rejection>> {
    if (method === 'test-card') return ok({ reference: `test-${purchaseId}` });
    if (method === 'test-card-declined') return reject('payment-required', 'payment-declined', 'the payment was declined', 'payment_method');
    return reject('invalid-argument', 'known-payment-method', 'the payment methods are test-card and test-card-declined', 'payment_method');
  }
}
