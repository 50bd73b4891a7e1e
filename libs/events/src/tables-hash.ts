import { createHash } from 'node:crypto';
import type { Projection } from './types.js';

/** Identifies the projection's table definitions. */
export const tablesHash = (projection: Projection): string => createHash('sha256').update(projection.tables).digest('hex');
