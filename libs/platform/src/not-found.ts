import { RejectionError } from '@skein/kernel';

/**
 * The one answer for a resource that does not exist and for one that belongs to somebody else: nobody can tell which.
 * `throw notFound('name')`.
 */
export const notFound = (field: string): RejectionError =>
  new RejectionError({ code: 'not-found', rule: 'not-found', message: 'there is no such resource', field });
