import '../src/chaos/arm.js';
import { failpoint } from '@skein/telemetry';

for (let turn = 1; turn <= 5; turn += 1) {
  failpoint('append.before');
  process.stdout.write(`turn ${turn}\n`);
  failpoint('append.committed');
}
process.stdout.write(`year ${new Date(0).getUTCFullYear()} ahead ${Math.round((Date.now() - performance.timeOrigin - performance.now()) / 3_600_000)} same ${new Date() instanceof Date && Math.abs(new Date().getTime() - Date.now()) < 1_000}\n`);
