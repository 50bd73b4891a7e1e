/* For who measures the read models outside of the service. */
export { booksProjection } from './books.projection.js';
export { chargesProjection } from './charges.projection.js';
export { readPast } from './ledger-past.js';
