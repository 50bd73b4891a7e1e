import { RejectionError, type Rejection } from '@skein/kernel';
import { ERROR_TABLE } from './table.js';

const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND']);
/** PostgreSQL: connection exceptions (08), operator intervention (57P), too many connections, serialization, deadlock. */
const DATABASE = /^(08...|57P0.|53300|40001|40P01)$/;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');

/** Whether broken infrastructure that heals by itself caused it. */
function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (NETWORK.has(code) || DATABASE.test(code)) return true;
  return error instanceof Error && /Connection terminated|timeout exceeded when trying to connect/.test(error.message);
}

/** Any thrown value as a refusal. What is not a refusal is told apart by `unexpected`; its text never leaves the process. */
export function normaliseError(error: unknown): { error: RejectionError; unexpected: boolean } {
  // A code outside the table (a cast, another version of a library) must not break the way errors are answered.
  if (error instanceof RejectionError && error.rejection.code in ERROR_TABLE) return { error, unexpected: false };
  const rejection: Rejection = isTransient(error)
    ? { code: 'unavailable', rule: 'infrastructure', message: 'a part of the service is not available, try again', retriable: true }
    : { code: 'internal', rule: 'internal', message: 'internal error' };
  return { error: new RejectionError(rejection), unexpected: true };
}
