import { setTimeout as delay } from 'node:timers/promises';
import { checkStoredVersions, isTransient, NewerEventsError } from '@skein/events';
import type { Parts } from './providers.js';

const PATIENCE_MS = 30_000;
const RETRY_MS = 250;

/**
 * Throws where the service's log holds events that a newer program has written. Asked before anything is served or written: what
 * cannot be read cannot be decided upon. A database that is not there yet is waited for.
 */
export async function assertReadable({ pool, store, logger }: Pick<Parts, 'pool' | 'store' | 'logger'>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await checkStoredVersions(pool, store.upcasters);
    } catch (error) {
      if (!isTransient(error) || performance.now() > deadlineMs) throw error;
      logger.warn({ err: error }, 'the database does not answer yet');
      await delay(RETRY_MS);
    }
  }
}

/**
 * What of the database keeps a running service from its work: that it does not answer, or that a newer program, started while this
 * one runs, has written events that this one cannot read. Its commands and consumers then wait, and calls shall go to the newer one.
 */
export async function unreadable({ pool, store }: Pick<Parts, 'pool' | 'store'>): Promise<readonly string[]> {
  try {
    await checkStoredVersions(pool, store.upcasters);
    return [];
  } catch (error) {
    return [error instanceof NewerEventsError ? 'newer-events' : 'database'];
  }
}
