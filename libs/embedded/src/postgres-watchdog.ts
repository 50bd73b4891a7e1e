import { spawn } from 'node:child_process';

/** A guard that ends a process when this one dies in whatever way. */
export interface Watchdog {
  /** Ends the guard without ending what it guards. */
  dismiss(): void;
}

// `read` returns when the pipe's other end closes, which the kernel does even after kill -9 of this process.
const SCRIPT = `trap '' INT TERM HUP
read -r _ && exit 0
kill -"$2" "$1" 2>/dev/null
kill -CONT "$1" 2>/dev/null
[ -z "$3" ] && exit 0
while kill -0 "$1" 2>/dev/null; do sleep 0.05; done
rm -rf -- "$3"`;

/** Starts a shell of about 1 MiB in a session of its own that sends `signal` to `pid` (also a stopped one) once this process is gone, and then removes `folder`. */
export function watchParent(pid: number, signal: 'INT' | 'QUIT' | 'TERM', folder = ''): Watchdog {
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'skein-watchdog', String(pid), signal, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  // The pipe must not keep this process alive; net.Socket has unref, Writable's type does not say so.
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  return { dismiss: () => guard.stdin.end('done\n') };
}
