import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Where the clients of the event log are asked for. */
export const MESSAGING = new URL('../../../libs/messaging/package.json', import.meta.url).href;

/** Version of a package as it is installed; `from` is whose dependency it is, where that is not this workspace's. */
export function installedVersion(name: string, from: string = import.meta.url): string {
  const file = findPackageJSON(name, from);
  if (file === undefined) throw new Error(`${name} is not installed`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}

/** What the program of a running process answers to `--version`: its first number with dots. */
export function programVersion(pid: number): string | undefined {
  try {
    return /\d+(?:\.\d+)+/.exec(execFileSync(`/proc/${pid}/exe`, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))?.[0];
  } catch {
    return undefined;
  }
}
