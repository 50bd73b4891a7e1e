import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkeinProcess } from '../process/skein-process.js';

/** What `npm run bench -- boot` prints: milliseconds and MiB (PSS of Skein, PostgreSQL and anvil together). */
export interface BootFigures {
  readonly readyMs: number;
  readonly memoryMiBReady: number;
  readonly memoryMiBPeak: number;
}

/** Starts Skein in an empty folder, waits until it is ready, measures, stops it. */
export async function benchBoot(portBase: number): Promise<BootFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-boot-'));
  const skein = new SkeinProcess({ data: join(folder, 'data'), portBase, seed: 'boot' });
  try {
    const readyMs = await skein.start();
    const memoryMiBReady = skein.memoryMiB();
    await skein.stop();
    return { readyMs: Math.round(readyMs), memoryMiBReady: Math.round(memoryMiBReady), memoryMiBPeak: Math.round(Math.max(memoryMiBReady, skein.memoryMiBPeak)) };
  } finally {
    await skein.kill().catch(() => 0);
    rmSync(folder, { recursive: true, force: true });
  }
}
