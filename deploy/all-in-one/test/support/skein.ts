import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddressBook, type AddressBook } from '@skein/contracts-evm';
import { createLogger } from '@skein/telemetry';
import type { Devnet } from '../../../../scripts/src/process/skein-process.js';
import { AllInOne } from '../../src/all-in-one.js';
import { assertPortsFree, portsFrom } from '../../src/ports.js';

/** A whole Skein in this process, as a spec uses it. */
export interface TestSkein {
  readonly skein: AllInOne;
  /** What `devnet.json` says. */
  readonly devnet: Devnet;
  readonly book: AddressBook;
  readonly folder: string;
  /** Every log line so far, of all services. */
  readonly lines: readonly string[];
  /** Ends everything and removes the folder. */
  stop(): Promise<void>;
}

/** Below the ports that the system gives to outgoing connections. */
const FIRST_PORT = 20_000;
const BLOCKS = 480;
const BLOCK = 24;

/** The first block of ports that is free, from one that follows from the process's id: two specs at once begin apart. */
export async function freePortBase(skip = 0): Promise<number> {
  for (let attempt = skip; attempt < BLOCKS; attempt += 1) {
    const base = FIRST_PORT + ((process.pid * 7 + attempt) % BLOCKS) * BLOCK;
    const free = await assertPortsFree(portsFrom(base)).then(() => true, () => false);
    if (free) return base;
  }
  throw new Error('no block of ports is free');
}

/** Boots the all-in-one on an empty folder and free ports; everything that it logs is kept. */
export async function bootSkein(seed: string): Promise<TestSkein> {
  const folder = mkdtempSync(join(tmpdir(), 'skein all-in-one-'));
  const lines: string[] = [];
  const logger = createLogger({ service: 'skein', level: 'debug', destination: { write: (line) => void lines.push(line) } });
  try {
    const skein = await AllInOne.start({ data: folder, ephemeral: false, portBase: await freePortBase(), seed, quiet: false }, logger);
    const devnet = JSON.parse(readFileSync(join(folder, 'devnet.json'), 'utf8')) as Devnet;
    const stop = async (): Promise<void> => {
      await skein.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return { skein, devnet, book: parseAddressBook(devnet.addressBook), folder, lines, stop };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
