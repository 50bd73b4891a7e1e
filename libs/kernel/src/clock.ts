/** A clock. A process’s clock measures durations only; the time of a decision comes from the service’s database, that of a credential’s expiry from `DatabaseClock`. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number;
}

/** The process's own clock. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }
}
