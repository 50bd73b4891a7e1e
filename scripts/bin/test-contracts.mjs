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

/** Results in forge's output, which may hold lines about single events beside its report: [suite, name, result] of every test. */
function results(text) {
  const lines = text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const suites = lines.flatMap((line) => Object.entries(line)).filter(([, value]) => value?.test_results !== undefined);
  return suites.flatMap(([suite, { test_results: tests }]) => Object.entries(tests).map(([name, result]) => [suite, name, result]));
}

function forge(binary, args, settings) {
  const work = mkdtempSync(join(tmpdir(), 'skein-forge-'));
  const file = join(work, 'report.json');
  const out = openSync(file, 'w');
  const flags = ['test', '--root', '.', '--use', `${folder}/solcw`, '--offline', ...args];
  const done = spawnSync(binary, flags, { cwd: root, stdio: ['ignore', out, 'inherit'], env: { ...env(), FOUNDRY_CONFIG: `${folder}/foundry.toml`, ...settings } });
  closeSync(out);
  const text = readFileSync(file, 'utf8');
  rmSync(work, { recursive: true, force: true });
  return { good: done.status === 0, text };
}

/** Every test but those of gas; or what the arguments choose. */
function runTests(binary, args, deep) {
  const { good, text } = forge(binary, ['--json', ...args], { FOUNDRY_PROFILE: deep ? 'deep' : 'default' });
  const tests = results(text);
  if (tests.length === 0) process.stderr.write(`${text.slice(0, 20_000)}\nskein: forge ran no test\n`);
  const count = (outcome) => tests.filter(([, , { status }]) => status === outcome).length;
  for (const [suite, name, { status, reason, counterexample }] of tests) {
    if (status !== 'Failure') continue;
    process.stdout.write(` FAIL ${suite.replace(`${folder}/`, '')} ${name}: ${reason ?? 'no reason'}\n${counterexample ? `      ${JSON.stringify(counterexample)}\n` : ''}`);
  }
  return { good: good && tests.length > 0, passed: count('Success'), failed: count('Failure'), skipped: count('Skipped') };
}

/** Gas is what a user pays only where every call is a transaction of its own. forge compares it only when it prints for people. */
function runGas(binary, writeGas) {
  const settings = { FOUNDRY_GAS_SNAPSHOT_CHECK: String(!writeGas), FOUNDRY_GAS_SNAPSHOT_EMIT: String(writeGas) };
  const { good, text } = forge(binary, ['--isolate', '--match-contract', 'GasTest'], settings);
  const [, passed, failed, skipped] = text.match(/(\d+) tests? passed, (\d+) failed, (\d+) skipped/) ?? [0, 0, 0, 0];
  if (!good) process.stdout.write(` FAIL gas\n${text.slice(-4000)}\n`);
  return { good: good && Number(passed) > 0, passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
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
const plan = args.length > 0 ? [runTests(binary, args, deep)] : [runTests(binary, ['--no-match-contract', 'GasTest'], deep), runGas(binary, writeGas)];
const sum = (field) => plan.reduce((total, run) => total + run[field], 0);
const failed = plan.every((run) => run.good) ? sum('failed') : Math.max(sum('failed'), 1);
closing(sum('passed'), failed, sum('skipped'));
process.exit(failed === 0 ? 0 : 1);
