// One vitest run with a closing line that CI and people can read, or the same line where nothing could run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, node24, root } from './bootstrap.mjs';

const closing = (passed, failed, skipped) => process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/** Runs what a vitest configuration includes and ends the process. */
export function runSuite(config, args) {
  const folder = mkdtempSync(join(tmpdir(), 'skein-test-'));
  const report = join(folder, 'report.json');
  const flags = ['--config', config, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const done = spawnSync(node24(), [vitest, 'run', ...flags, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: env() });
  let counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  try {
    counts = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    process.stderr.write('skein: the test run left no report\n');
  }
  rmSync(folder, { recursive: true, force: true });
  const bad = done.status !== 0 || counts.numPassedTests === 0;
  // A file that fails before its first test has no failed test of its own: it still has to show in the closing line.
  closing(counts.numPassedTests, bad ? Math.max(counts.numFailedTests, 1) : counts.numFailedTests, counts.numPendingTests + counts.numTodoTests);
  process.exit(bad ? 1 : 0);
}

/** Says why nothing can run; every spec file that the configuration includes counts as skipped. */
export function skipSuite(why, config) {
  process.stderr.write(`skein: ${why}\n`);
  const { stdout } = spawnSync(node24(), [vitest, 'list', '--filesOnly', '--json', '--config', config], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env: env() });
  closing(0, 0, JSON.parse(stdout).length);
  process.exit(0);
}
