import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CreditService, type CaptureRequest, type CaptureResponseSchema, type ReserveRequest, type ReserveResponseSchema, type VoidRequest, type VoidResponseSchema,
} from '@skein/contracts/billing/internal';
import { RejectionError } from '@skein/kernel';
import { Rpc } from '@skein/platform';

/** Billing as far as the marketplace sees it: funds, holds by reservation, charges. */
export class FakeCredit {
  available = 0n;
  away = false;
  readonly reservations = new Map<string, { request: ReserveRequest; gross?: bigint }>();
  captures = 0;

  async reserve(request: ReserveRequest): Promise<MessageInitShape<typeof ReserveResponseSchema>> {
    this.#mustBeThere();
    const { reservationId, unitsMax } = request;
    if (!this.reservations.has(reservationId)) {
      const missing = BigInt(unitsMax) - this.available;
      if (missing > 0n) throw new RejectionError({ code: 'payment-required', rule: 'insufficient-credit', message: `credit is missing: ${missing} base units of USD (10^-9)` });
      this.available -= BigInt(unitsMax);
      this.reservations.set(reservationId, { request });
    }
    return { reservationId, availableUnits: String(this.available), expiresAtMs: 0n };
  }

  async capture(request: CaptureRequest): Promise<MessageInitShape<typeof CaptureResponseSchema>> {
    this.#mustBeThere();
    const reservation = this.reservations.get(request.reservationId);
    if (!reservation) throw new RejectionError({ code: 'not-found', rule: 'reservation-unknown', message: 'no such reservation' });
    if (reservation.gross === undefined) {
      this.captures += 1;
      reservation.gross = (request.units * BigInt(reservation.request.unitPriceE15)) / 1_000_000n;
      this.available += BigInt(reservation.request.unitsMax) - reservation.gross;
    }
    return { reservationId: request.reservationId, grossUnits: String(reservation.gross) };
  }

  async void({ reservationId }: VoidRequest): Promise<MessageInitShape<typeof VoidResponseSchema>> {
    return { reservationId };
  }

  #mustBeThere(): void {
    if (this.away) throw new RejectionError({ code: 'unavailable', rule: 'away', message: 'billing is away', retriable: true });
  }
}

// By hand: the loader of the tests reads decorators only below src.
const descriptor = <Name extends 'reserve' | 'capture' | 'void'>(name: Name): TypedPropertyDescriptor<FakeCredit[Name]> => ({ value: FakeCredit.prototype[name] });
Rpc(CreditService.method.reserve)(FakeCredit.prototype, 'reserve', descriptor('reserve'));
Rpc(CreditService.method.capture)(FakeCredit.prototype, 'capture', descriptor('capture'));
Rpc(CreditService.method.void)(FakeCredit.prototype, 'void', descriptor('void'));
