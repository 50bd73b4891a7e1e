import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { CreditService, type CaptureRequest, type CaptureResponseSchema, type ReserveRequest, type ReserveResponseSchema, type VoidRequest, type VoidResponseSchema } from '@skein/contracts/billing/internal';
import type { Executed } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import { Rpc, type CallContext } from '@skein/platform';
import { Credit } from '../../application/credit.js';
import { customerIdOf } from '../../application/names.js';

/** Without a position: the marketplace reads no read model of billing, and waiting for the sequencer would cost every call. */
const receiptOf = ({ streamId, version }: Executed<unknown>) => ({ streamId, version: BigInt(version) });

/** Reserve, capture and void for the marketplace. Idempotent by the reservation's id, which also outlives every key. */
@Injectable()
export class CreditApi {
  readonly #credit: Credit;

  constructor(@Inject(Credit) credit: Credit) {
    this.#credit = credit;
  }

  @Rpc(CreditService.method.reserve)
  async reserve(request: ReserveRequest, call: CallContext): Promise<MessageInitShape<typeof ReserveResponseSchema>> {
    const customerId = customerIdOf(request.customer, 'customer');
    const { reservationId, keyId, priceVersion, terms } = request;
    if (!terms || terms.shares.reduce((sum, { bps }) => sum + bps, 0) !== 10_000)
      throw new RejectionError({ code: 'invalid-argument', rule: 'shares-sum', message: 'owner shares sum to 10 000 basis points', field: 'terms.shares' });
    const { modelVersion, sharesVersion, computeProvider } = terms;
    const shares = terms.shares.map((share) => ({ class: share.class, payee: share.payee, bps: share.bps }));
    const executed = await this.#credit.reserve(
      customerId,
      {
        reservationId, keyId, priceVersion, amount: BigInt(request.unitsMax), unitPriceE15: BigInt(request.unitPriceE15), holdMs: Number(request.holdMs),
        terms: { modelVersion, sharesVersion, shares, computeProvider },
      },
      call.metadata(),
    );
    const { available, expiresAtMs } = executed.answer!;
    return { reservationId, availableUnits: String(available), expiresAtMs: BigInt(expiresAtMs), receipt: receiptOf(executed) };
  }

  @Rpc(CreditService.method.capture)
  async capture(request: CaptureRequest, call: CallContext): Promise<MessageInitShape<typeof CaptureResponseSchema>> {
    const { reservationId } = request;
    const used = { reservationId, units: Number(request.units), computeCostE15: BigInt(request.computeCostE15) };
    const executed = await this.#credit.capture(customerIdOf(request.customer, 'customer'), used, call.metadata());
    return { reservationId, grossUnits: String(executed.answer!.gross), receipt: receiptOf(executed) };
  }

  @Rpc(CreditService.method.void)
  async void(request: VoidRequest, call: CallContext): Promise<MessageInitShape<typeof VoidResponseSchema>> {
    const { reservationId, reason } = request;
    if (reason === 'expired') throw new RejectionError({ code: 'invalid-argument', rule: 'reason', message: 'a hold expires by its own timer', field: 'reason' });
    const executed = await this.#credit.release(customerIdOf(request.customer, 'customer'), reservationId, reason, call.metadata());
    return { reservationId, receipt: receiptOf(executed) };
  }
}
