import { spawn } from 'node:child_process';

/*
 * Reads who is to be watched from a pipe. Its other end closes when this process is gone, also after a kill -9: then
 * everybody gets SIGTERM and, some seconds later, SIGKILL.
 */
const SCRIPT = `trap '' INT TERM HUP
watched=
while read -r word pid; do
  case $word in
    add) watched="$watched $pid" ;;
    drop) rest=; for one in $watched; do [ "$one" = "$pid" ] || rest="$rest $one"; done; watched=$rest ;;
    done) exit 0 ;;
  esac
done
[ -z "$watched" ] && exit 0
kill -TERM $watched 2>/dev/null
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
  alive=
  for one in $watched; do kill -0 $one 2>/dev/null && alive=yes; done
  [ -z "$alive" ] && exit 0
  sleep 0.5
done
kill -KILL $watched 2>/dev/null`;

/** One small shell that ends the watched processes when this one dies in whatever way. */
export class Guard {
  readonly #pipe;

  constructor() {
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'skein-guard'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
    shell.on('error', () => undefined);
    shell.unref();
    shell.stdin.on('error', () => undefined);
    // The pipe must not keep this process alive; net.Socket has unref, Writable's type does not say so.
    if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
    this.#pipe = shell.stdin;
  }

  add(pid: number): void {
    this.#pipe.write(`add ${pid}\n`);
  }

  /** A process that has ended: its number may go to somebody else. */
  drop(pid: number): void {
    this.#pipe.write(`drop ${pid}\n`);
  }

  /** Ends the shell and nobody else. */
  dismiss(): void {
    this.#pipe.end('done\n');
  }
}
