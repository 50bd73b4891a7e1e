// npm test [-- vitest arguments]: all specs, then one closing line.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, env, install, node24, root } from './bootstrap.mjs';

install();
build();
const folder = mkdtempSync(join(tmpdir(), 'skein-test-'));
const report = join(folder, 'report.json');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const done = spawnSync(node24(), [vitest, 'run', ...reporters, ...process.argv.slice(2)], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: env() });
let counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, numFailedTestSuites: 0 };
try {
  counts = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  process.stderr.write('skein: the test run left no report\n');
}
rmSync(folder, { recursive: true, force: true });
const bad = done.status !== 0 || counts.numPassedTests === 0;
// A file that fails before its first test has no failed test of its own: it still has to show in the closing line.
const failed = bad ? Math.max(counts.numFailedTests, 1) : counts.numFailedTests;
process.stdout.write(`${counts.numPassedTests} passed, ${failed} failed, ${counts.numPendingTests + counts.numTodoTests} skipped\n`);
process.exit(bad ? 1 : 0);
