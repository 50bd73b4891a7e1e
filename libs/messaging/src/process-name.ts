import { hostname } from 'node:os';

/** This process as operators look for it: `host:pid`. */
export const PROCESS_NAME = `${hostname()}:${process.pid}`;
