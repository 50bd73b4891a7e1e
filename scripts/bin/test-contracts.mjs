// npm run test:contracts [-- forge arguments]: the contracts' tests in Solidity, then one closing line. With --deep: at least
// 10 000 runs of each fuzzed test and invariants over long sequences. Gas is compared with forge/snapshots, or with --write-gas
// written there. Where forge is not installed, all count as skipped.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, install, root } from './bootstrap.mjs';

const folder = 'libs/contracts-evm';
const closing = (passed, failed, skipped) => process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);

/** Every test that the sources hold, for machines without forge. */
function countTests() {
  const files = readdirSync(join(root, folder, 'forge')).filter((file) => file.endsWith('.t.sol'));
  const text = files.map((file) => readFileSync(join(root, folder, 'forge', file), 'utf8')).join('\n');
  return text.match(/function (test|invariant)\w*\(/g)?.length ?? 0;
}

/** Results of forge's JSON: [suite, name, result] of every test. */
const results = (report) =>
  Object.entries(report).flatMap(([suite, { test_results: tests }]) => Object.entries(tests).map(([name, result]) => [suite, name, result]));

const gas = (write) => ({ FOUNDRY_GAS_SNAPSHOT_CHECK: String(!write), FOUNDRY_GAS_SNAPSHOT_EMIT: String(write) });

function forge(binary, args, profile, writeGas) {
  const work = mkdtempSync(join(tmpdir(), 'skein-forge-'));
  const file = join(work, 'report.json');
  const out = openSync(file, 'w');
  const settings = { FOUNDRY_CONFIG: `${folder}/foundry.toml`, FOUNDRY_PROFILE: profile, ...gas(writeGas) };
  const flags = ['test', '--json', '--isolate', '--root', '.', '--use', `${folder}/solcw`, '--offline', ...args];
  const done = spawnSync(binary, flags, { cwd: root, stdio: ['ignore', out, 'inherit'], env: { ...env(), ...settings } });
  closeSync(out);
  const text = readFileSync(file, 'utf8');
  rmSync(work, { recursive: true, force: true });
  try {
    return { status: done.status, tests: results(JSON.parse(text)) };
  } catch {
    process.stderr.write(text.slice(0, 20_000));
    return { status: done.status ?? 1, tests: [] };
  }
}

install();
const given = process.argv.slice(2);
const [deep, writeGas] = ['--deep', '--write-gas'].map((flag) => given.includes(flag));
const args = given.filter((flag) => !['--deep', '--write-gas'].includes(flag));
const binary = join(root, 'node_modules', '@foundry-rs', `forge-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`, 'bin', 'forge');
if (!existsSync(binary)) {
  process.stderr.write('skein: forge is not installed on this platform\n');
  closing(0, 0, countTests());
  process.exit(0);
}
const { status, tests } = forge(binary, args, deep ? 'deep' : 'default', writeGas);
const bad = tests.filter(([, , { status: outcome }]) => outcome === 'Failure');
for (const [suite, name, { reason, counterexample }] of bad) {
  process.stdout.write(` FAIL ${suite.replace(`${folder}/`, '')} ${name}: ${reason ?? 'no reason'}\n${counterexample ? `      ${JSON.stringify(counterexample)}\n` : ''}`);
}
const passed = tests.filter(([, , { status: outcome }]) => outcome === 'Success').length;
const failed = status !== 0 || passed === 0 ? Math.max(bad.length, 1) : bad.length;
closing(passed, failed, tests.length - passed - bad.length);
process.exit(failed === 0 ? 0 : 1);
