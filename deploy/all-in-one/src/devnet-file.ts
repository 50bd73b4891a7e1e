import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SIGN_IN_DOMAIN, type Surroundings } from './environment.js';
import { SERVICE_NAMES } from './ports.js';

/** Writes `<data>/devnet.json` (mode 0600): what a client needs to know. */
export function writeDevnet({ data, secrets, rpcUrl, chainId, addressBook, ports }: Surroundings, frontPort: number): void {
  const grpc = Object.fromEntries(SERVICE_NAMES.map((name) => [name, `127.0.0.1:${ports.grpc[name]}`]));
  const devnet = { frontUrl: `http://127.0.0.1:${frontPort}`, rpcUrl, chainId, siweDomain: SIGN_IN_DOMAIN, operatorToken: secrets.operatorToken, seed: secrets.seed, addressBook, grpc };
  const file = join(data, 'devnet.json');
  writeFileSync(`${file}.new`, `${JSON.stringify(devnet, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
