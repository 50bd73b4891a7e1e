import type { Pool, PoolClient } from 'pg';
import type { Tx } from './types.js';

/**
 * A connection of the pool with `lost` listening to it. By callback, because the pool stops listening the moment it hands a
 * connection out, and a promise would arrive later: the end of the answer before and the server's farewell may come in one
 * packet, and an error that nobody hears ends the process.
 */
function checkOut(pool: Pool, lost: (error: Error) => void): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(error ?? new Error('the pool gave no connection'));
      client.on('error', lost);
      resolve(client);
    });
  });
}

/**
 * Runs `work` in one transaction of a pooled connection: committed when it returns, rolled back when it throws. Throws also
 * where `work` has swallowed the failure of a statement: PostgreSQL then answers a commit with a rollback and no error.
 * A connection lost during the commit throws, too, and the outcome is unknown. `begin` may set options.
 */
export async function inTransaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>, begin = 'BEGIN'): Promise<T> {
  let broken: Error | undefined;
  const lost = (error: Error): void => void (broken = error);
  const client = await checkOut(pool, lost);
  try {
    await client.query(begin);
    const value = await work(client);
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back: one of its statements had failed, and nobody said so');
    return value;
  } catch (error) {
    // A connection that cannot even roll back must not go back to the pool.
    await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.off('error', lost);
    client.release(broken);
  }
}

const guarded = new WeakSet<Pool>();

/** Keeps the connections of a pool from ending the process when they are lost while somebody holds one without listening. */
export function guardPool(pool: Pool): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  pool.on('connect', (client) => client.on('error', () => undefined));
}

/**
 * SQLSTATEs of what passes by itself: connection lost (08), resources used up (53: a full disk, memory, connections), server
 * stopping or starting (57P), statement or lock timeout, serialisation, deadlock, read-only standby, I/O error of the system.
 */
const TRANSIENT_STATES = /^(08...|53...|57P0.|57014|55P03|40001|40P01|25006|58030)$/;
const TRANSIENT_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOSPC', 'EMFILE']);
const CLIENT_LOST = /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Query read timeout|Cannot use a pool after calling end/i;

/** The `code` of an error: SQLSTATE or a socket's. */
export const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Whether broken infrastructure that heals by itself caused it, so that trying again later can help. Does not look at causes. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  return TRANSIENT_CODES.has(code) || TRANSIENT_STATES.test(code) || (error instanceof Error && CLIENT_LOST.test(error.message));
}

/** Writes one JSON line to stderr: what a background loop reports where nobody else listens. */
export const reportToStderr = (error: unknown, where: string): void => {
  process.stderr.write(`${JSON.stringify({ level: 'error', where, message: error instanceof Error ? error.message : String(error) })}\n`);
};
