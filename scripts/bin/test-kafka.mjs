// npm run test:kafka [-- vitest arguments]: the suites that need a Kafka broker, then one closing line. The broker is that of
// KAFKA_BROKERS, or one from Maven jars; where neither can be had, all of them count as skipped.
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, env, install, node24, root } from './bootstrap.mjs';

install();
build();

/** A sentence that says why no broker can be had; empty where one can. */
function missing() {
  if (process.env.KAFKA_BROKERS) return '';
  const look = "const { kafkaAvailable } = await import('@skein/embedded'); const found = await kafkaAvailable(); process.stdout.write(found.ok ? '' : found.why);";
  return spawnSync(node24(), ['--input-type=module', '-e', look], { cwd: join(root, 'libs', 'testing'), encoding: 'utf8', env: env() }).stdout;
}

const why = missing();
if (why !== '') {
  const cases = globSync('{libs,services,deploy,scripts}/**/*.kafka.spec.ts', { cwd: root, exclude: (name) => name.includes('node_modules') }).length;
  process.stderr.write(`skein: ${why}\n`);
  process.stdout.write(`0 passed, 0 failed, ${cases} skipped\n`);
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'skein-test-'));
const report = join(folder, 'report.json');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const done = spawnSync(node24(), [vitest, 'run', '--config', 'vitest.kafka.config.ts', ...reporters, ...process.argv.slice(2)], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: env() });
let counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
try {
  counts = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  process.stderr.write('skein: the test run left no report\n');
}
rmSync(folder, { recursive: true, force: true });
const bad = done.status !== 0 || counts.numPassedTests === 0;
const failed = bad ? Math.max(counts.numFailedTests, 1) : counts.numFailedTests;
process.stdout.write(`${counts.numPassedTests} passed, ${failed} failed, ${counts.numPendingTests + counts.numTodoTests} skipped\n`);
process.exit(bad ? 1 : 0);
