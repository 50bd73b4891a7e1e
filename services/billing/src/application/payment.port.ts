import type { Rejection, Result } from '@skein/kernel';

/** A payment to take. `purchaseId` makes a repetition the same payment. */
export interface PaymentRequest {
  readonly purchaseId: string;
  /** USD units of 10^-9. */
  readonly amount: bigint;
  readonly method: string;
}

/** Takes payments. A decline is a refusal (`payment-required`, rule `payment-declined`). */
export interface Payments {
  charge(request: PaymentRequest): Promise<Result<{ readonly reference: string }, Rejection>>;
}

/** Token of the payment adapter. */
export const PAYMENTS = Symbol('PAYMENTS');
