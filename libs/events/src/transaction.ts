import type { Pool, PoolClient } from 'pg';
import type { Tx } from './types.js';

/** Runs `work` in one transaction of a pooled connection: committed when it returns, rolled back when it throws. `begin` may set options. */
export async function inTransaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>, begin = 'BEGIN'): Promise<T> {
  const client: PoolClient = await pool.connect();
  let broken: Error | undefined;
  // The pool listens to idle connections only: one that is lost between two queries would otherwise end the process.
  const lost = (error: Error): void => void (broken = error);
  client.on('error', lost);
  try {
    await client.query(begin);
    const value = await work(client);
    await client.query('COMMIT');
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

const TRANSIENT_STATES = /^(08|53|57P0|40001|40P01|55P03)/;
const TRANSIENT_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);

/** The `code` of an error: SQLSTATE or a socket's. */
export const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** True for failures of the database that pass by themselves: lost connections, restarts, too many clients, deadlocks. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  const lost = error instanceof Error && /Connection terminated|timeout exceeded when trying to connect/.test(error.message);
  return lost || TRANSIENT_CODES.has(code) || TRANSIENT_STATES.test(code);
}

/** Writes one JSON line to stderr: what a background loop reports where nobody else listens. */
export const reportToStderr = (error: unknown, where: string): void => {
  process.stderr.write(`${JSON.stringify({ level: 'error', where, message: error instanceof Error ? error.message : String(error) })}\n`);
};
