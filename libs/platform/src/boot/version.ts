import { readFileSync } from 'node:fs';

/** Version of this build: all packages of the workspace have the same. */
export const platformVersion = (): string => (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
