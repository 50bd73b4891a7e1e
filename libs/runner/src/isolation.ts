import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sweepRunnerFolders } from './folders.js';
import type { IsolationReport } from './types.js';

/** The child's program: plain JavaScript in src, so that it is the same file from src and from dist. */
export const CHILD_FILE = fileURLToPath(new URL('../src/runner-child.mjs', import.meta.url));

/** The command line before `node`, and what it gives. */
export interface Launcher {
  readonly prefix: readonly string[];
  readonly report: IsolationReport;
}

interface Shield {
  readonly name: keyof Omit<IsolationReport, 'missing' | 'memoryWatch'>;
  readonly without: string;
  /** Command lines to try, best first. */
  readonly forms: readonly (readonly string[])[];
}

const SHIELDS: readonly Shield[] = [
  {
    name: 'networkNamespace',
    without: 'runners share the network of this machine (unshare -n is not allowed)',
    forms: [['unshare', '-n'], ['unshare', '-r', '-n']],
  },
  {
    name: 'noFileWrites',
    without: 'runners may write files that their user may write (prlimit --fsize is not available)',
    forms: [['prlimit', '--fsize=0:0', '--core=0:0']],
  },
  {
    name: 'noPrivileges',
    without: 'runners keep the privileges of this process (setpriv is not allowed to drop them)',
    forms: [['setpriv', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'], ['setpriv', '--no-new-privs']],
  },
  {
    // Last in the chain: the kernel forgets this wish when credentials change.
    name: 'diesWithParent',
    without: 'a runner in the middle of a run outlives the death of this process until the run ends',
    forms: [['setpriv', '--pdeathsig', 'KILL']],
  },
];

const BIN_FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

async function pathOf(program: string): Promise<string | undefined> {
  for (const folder of BIN_FOLDERS) {
    const path = `${folder}/${program}`;
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
  }
  return undefined;
}

/** True when node can be started behind the prefix and can read the child's file. */
function works(prefix: readonly string[]): Promise<boolean> {
  const [program, ...args] = [...prefix, process.execPath, '--check', CHILD_FILE];
  return new Promise((resolve) => {
    execFile(program!, args, { env: {}, timeout: 10_000, killSignal: 'SIGKILL' }, (error) => resolve(error === null));
  });
}

async function resolved(form: readonly string[]): Promise<readonly string[] | undefined> {
  const path = await pathOf(form[0]!);
  return path === undefined ? undefined : [path, ...form.slice(1)];
}

/** Tries at once the strictest chain; only where it fails, each shield alone, keeping those that work. */
async function probe(): Promise<Launcher> {
  await sweepRunnerFolders();
  const memoryWatch = await access('/proc/self/status').then(() => true, () => false);
  const strictest = await Promise.all(SHIELDS.map(({ forms }) => resolved(forms[0]!)));
  if (strictest.every((form) => form !== undefined) && (await works(strictest.flat()))) return { prefix: strictest.flat(), report: reportOf(new Set(SHIELDS.map(({ name }) => name)), memoryWatch) };
  const prefix: string[] = [];
  const given = new Set<Shield['name']>();
  for (const { name, forms } of SHIELDS) {
    for (const form of forms) {
      const candidate = await resolved(form);
      if (candidate === undefined || !(await works([...prefix, ...candidate]))) continue;
      prefix.push(...candidate);
      given.add(name);
      break;
    }
  }
  return { prefix, report: reportOf(given, memoryWatch) };
}

function reportOf(given: ReadonlySet<Shield['name']>, memoryWatch: boolean): IsolationReport {
  const missing = SHIELDS.filter(({ name }) => !given.has(name)).map(({ without }) => without);
  if (!memoryWatch) missing.push('the memory of runners cannot be watched (no /proc)');
  return {
    networkNamespace: given.has('networkNamespace'),
    noPrivileges: given.has('noPrivileges'),
    noFileWrites: given.has('noFileWrites'),
    diesWithParent: given.has('diesWithParent'),
    memoryWatch,
    missing,
  };
}

let launcher: Promise<Launcher> | undefined;

/** How runners are started on this system; probed once per process. */
export const findLauncher = (): Promise<Launcher> => (launcher ??= probe());

/** What isolation this system allows, to be said at start. */
export const isolationReport = async (): Promise<IsolationReport> => (await findLauncher()).report;
