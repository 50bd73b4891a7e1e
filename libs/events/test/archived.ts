/** The type that ends an account's stream. */
export const CLOSED = 'skein.test.account.closed.v1';
