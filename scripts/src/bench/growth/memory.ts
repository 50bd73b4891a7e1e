import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Pool } from 'pg';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of this process's heap that something still refers to. */
export function heapBytes(): number {
  for (let turn = 0; turn < 3; turn += 1) collect();
  return process.memoryUsage().heapUsed;
}

/**
 * Memory that a process has for itself, in KiB; 0 when it has ended. Pages of files and PostgreSQL's shared buffers, of which
 * every backend has its part, are not in it.
 */
export function ownKiB(pid: number): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** What one store needs: its process after a collection, and the backends of its database. MiB. */
export interface StoreMemory {
  readonly heapMiB: number;
  readonly processMiB: number;
  readonly backendsMiB: number;
}

/** This process as the only client of the pool's database, and that database's backends. */
export async function memoryOf(pool: Pool): Promise<StoreMemory> {
  const heapMiB = heapBytes() / 2 ** 20;
  const { rows } = await pool.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`);
  return { heapMiB, processMiB: ownKiB(process.pid) / 1_024, backendsMiB: rows.reduce((sum, { pid }) => sum + ownKiB(pid), 0) / 1_024 };
}
