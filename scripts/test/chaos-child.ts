import { once } from 'node:events';
import '../src/chaos/arm.js';
import { CLOCK_SIGNAL } from '../src/chaos/arming.js';
import { failpoint } from '@skein/telemetry';

for (let turn = 1; turn <= 5; turn += 1) {
  failpoint('append.before');
  process.stdout.write(`turn ${turn}\n`);
  failpoint('append.committed');
}

const hoursAhead = (): number => Math.round((Date.now() - performance.timeOrigin - performance.now()) / 3_600_000);
process.stdout.write(`year ${new Date(0).getUTCFullYear()} ahead ${hoursAhead()} same ${new Date() instanceof Date && Math.abs(new Date().getTime() - Date.now()) < 1_000}\n`);
if (process.listenerCount(CLOCK_SIGNAL) > 0) {
  // A listener alone keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  const stepped = once(process, CLOCK_SIGNAL);
  process.kill(process.pid, CLOCK_SIGNAL);
  await stepped;
  clearInterval(alive);
  process.stdout.write(`stepped, ahead ${hoursAhead()}\n`);
}
