// npm run check: everything about the tree that needs no running system. `--fix` regenerates code first.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, env, install, node24, root } from './bootstrap.mjs';

install();
build();
const bin = (name) => join(root, 'node_modules', '.bin', name);
const steps = [
  ['types', node24(), ['node_modules/typescript-native/bin/tsc', '-p', 'tsconfig.check.json']],
  ['lint', node24(), ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings=0']],
  ['dependency rules', node24(), ['node_modules/dependency-cruiser/bin/dependency-cruise.mjs', 'libs', 'services', 'deploy', 'scripts', '--config', '.dependency-cruiser.mjs']],
  ['tidy', node24(), ['scripts/bin/tidy.mjs']],
  ['buf lint', bin('buf'), ['lint', 'proto']],
  ['buf breaking', bin('buf'), ['breaking', 'proto', '--against', 'proto/released.binpb']],
  ['generated code', node24(), ['scripts/bin/codegen.mjs', '--check']],
];
const rows = steps.map(([name, command, args]) => {
  const started = performance.now();
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', env: env() });
  if (done.status !== 0) process.stdout.write(`--- ${name}\n${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}\n`);
  return { name, good: done.status === 0, ms: Math.round(performance.now() - started) };
});
for (const { name, good, ms } of rows) process.stdout.write(`${good ? 'ok  ' : 'FAIL'} ${name.padEnd(18)} ${String(ms).padStart(6)} ms\n`);
process.exit(rows.every((row) => row.good) ? 0 : 1);
