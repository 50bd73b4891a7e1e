import { appendFileSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { CLOCK_SIGNAL, KILLED, type Arming } from './arming.js';

/*
 * Loaded into a service's process with `node --import`. What it does stands as JSON in SKEIN_CHAOS. Every hit of a failpoint
 * becomes a line of a file; at the n-th hit of one of them the process kills itself, once for all that share the kill.
 */

/** True for the first of all processes that ask. */
function isFirst(marker: string): boolean {
  try {
    writeFileSync(marker, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** Returns what writes a line. */
function armFailpoints({ hits, killed, kill }: Arming): (name: string) => void {
  const file = openSync(hits, 'a');
  let left = kill?.at ?? Infinity;
  Reflect.set(globalThis, Symbol.for('skein.failpoint'), (name: string) => {
    writeSync(file, `${name}\n`);
    if (name !== kill?.name) return;
    left -= 1;
    if (left !== 0 || !isFirst(killed)) return;
    appendFileSync(hits, `${KILLED} at ${name}\n`);
    process.kill(process.pid, 'SIGKILL');
    // The signal ends the process before anything else of it runs; nothing may be sent in between.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
  });
  return (name) => void writeSync(file, `${name}\n`);
}

/** Moves what `Date` says, as a step of the system's clock does; timers and `performance.now` follow another clock. */
function moveClock(byMs: number, onSignal: boolean, told: () => void): void {
  const RealDate = Date;
  let stepped = !onSignal;
  let first = true;
  if (onSignal) process.on(CLOCK_SIGNAL, () => (stepped = true));
  const nowMs = (): number => {
    if (!stepped) return RealDate.now();
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
  if (arming.clockMs !== undefined && arming.clockMs !== 0) moveClock(arming.clockMs, arming.clockSteps ?? false, () => tell('clock.read'));
  if (arming.deliveries !== undefined) await (await import('./hostile-deliveries.js')).makeHostile(arming.deliveries, tell);
}
