import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Development secrets of one data folder. They are made once and kept, so that a restart answers to the same tokens. */
export interface Secrets {
  readonly seed: string;
  readonly operatorToken: string;
  readonly serviceTokenSecret: string;
}

/** SHA-256 as 64 hex digits. */
export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

const fromSeed = (seed: string): Secrets => ({ seed, operatorToken: `op_${sha256Hex(`skein/operator/${seed}`)}`, serviceTokenSecret: sha256Hex(`skein/service-token/${seed}`) });

/** Reads `<data>/secrets.json`, or makes it (mode 0600) from the seed or from randomness. Another seed than the kept one is refused. */
export function loadSecrets(data: string, seed?: string): Secrets {
  const file = join(data, 'secrets.json');
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Secrets;
    if (seed !== undefined && kept.seed !== seed) throw new Error(`--seed: ${data} was made with another seed; leave the option out or choose another --data`);
    return kept;
  }
  const made = fromSeed(seed ?? randomBytes(32).toString('hex'));
  // Renamed into place: a kill between create and write must not leave a half file that locks the folder for ever.
  writeFileSync(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return made;
}
