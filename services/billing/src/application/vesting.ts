import type { DueTimer, Effect } from '@skein/events';
import { ok } from '@skein/kernel';
import { vestedBooking, type LockedDivision } from '../domain/reward/bookings.policy.js';
import type { Bookings } from './bookings.js';
import { taskLedger } from './names.js';

/** Kind of the timer that makes a task's vested rewards payable. */
export const VESTED = 'vested';

interface VestingPayload {
  readonly task: string;
  readonly source: string;
  readonly rewards: LockedDivision['rewards'];
}

/** Rings when the last base unit has vested. */
export const vestingTimer = (task: string, source: string, dueAtMs: number, rewards: LockedDivision['rewards']): Effect => {
  const payload: VestingPayload = { task, source, rewards };
  return { timer: { id: `${VESTED}-${source}`, kind: VESTED, dueAtMs, payload } };
};

/** Moves what has vested to the payees' payable accounts, once per task. */
export async function bookVested(bookings: Bookings, timer: DueTimer): Promise<void> {
  const { task, source, rewards } = timer.payload as VestingPayload;
  const metadata = { correlationId: source, causationId: source, actor: 'service:billing' };
  await bookings.book(ok(vestedBooking(taskLedger(task), `${source}/vested`, rewards)), metadata);
}
