import { appendFileSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';

/*
 * Loaded into a service's process with `node --import`. What it does stands as JSON in SKEIN_CHAOS. Every hit of a failpoint
 * becomes a line of a file; at the n-th hit of one of them the process kills itself, once in the file's life.
 */

/** What a process is told. */
export interface Arming {
  /** Gets the name of every failpoint that is hit, one a line. */
  readonly hits: string;
  /** kill -9 at the `at`-th hit (from 1) of a failpoint. */
  readonly kill?: { readonly name: string; readonly at: number };
  /** How far the wall clock is wrong, in milliseconds; the monotonic one is right. */
  readonly clockMs?: number;
  /** Deliveries are repeated, delayed and mixed between keys; the number begins the draws. */
  readonly deliveries?: number;
}

/** Line that says that this process has killed itself. */
export const KILLED = '# killed';

/** Returns what writes a line. */
function armFailpoints({ hits, kill }: Arming): (name: string) => void {
  const done = existsSync(hits) && readFileSync(hits, 'utf8').includes(KILLED);
  const file = openSync(hits, 'a');
  let left = done || kill === undefined ? Infinity : kill.at;
  Reflect.set(globalThis, Symbol.for('skein.failpoint'), (name: string) => {
    writeSync(file, `${name}\n`);
    if (name !== kill?.name) return;
    left -= 1;
    if (left > 0) return;
    appendFileSync(hits, `${KILLED} at ${name}\n`);
    process.kill(process.pid, 'SIGKILL');
    // The signal ends the process before anything else of it runs; nothing may be sent in between.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
  });
  return (name) => void writeSync(file, `${name}\n`);
}

/** Moves what `Date` says, as a step of the system's clock does; timers and `performance.now` follow another clock. */
function stepClock(byMs: number, told: () => void): void {
  const RealDate = Date;
  let first = true;
  const nowMs = (): number => {
    if (first) told();
    first = false;
    return RealDate.now() + byMs;
  };
  const Stepped = new Proxy(RealDate, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [nowMs()] : args, self) as object,
    apply: () => new RealDate(nowMs()).toString(),
    get: (target, key, self) => (key === 'now' ? nowMs : (Reflect.get(target, key, self) as unknown)),
  });
  globalThis.Date = Stepped;
}

const text = process.env['SKEIN_CHAOS'];
if (text !== undefined) {
  const arming = JSON.parse(text) as Arming;
  const tell = armFailpoints(arming);
  if (arming.clockMs !== undefined && arming.clockMs !== 0) stepClock(arming.clockMs, () => tell('clock.read'));
  if (arming.deliveries !== undefined) (await import('./hostile-deliveries.js')).makeHostile(arming.deliveries, tell);
}
