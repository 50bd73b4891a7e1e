// npm run test:deep [-- --seed N --histories N --torture N, vitest arguments]: the model check of the event store with more and
// longer histories, the ordering torture with more appends, every property with more cases, all from a fresh seed that is said.
import { randomInt } from 'node:crypto';
import { build, fail, install } from './bootstrap.mjs';
import { runSuite } from './suite.mjs';

const given = { seed: randomInt(1, 1_000_000), histories: 100_000, torture: 10 };
const rest = [];
const args = process.argv.slice(2);
for (let at = 0; at < args.length; at += 1) {
  const name = args[at].replace(/^--/, '');
  if (!(name in given) || args[at] === name) rest.push(args[at]);
  else if (/^[1-9]\d*$/.test(args[(at += 1)] ?? '')) given[name] = Number(args[at]);
  else fail(`--${name} needs a whole number from 1 on`);
}
install();
build();
const { seed, histories, torture } = given;
process.stdout.write(`seed ${seed}: npm run test:deep -- --seed ${seed} --histories ${histories} --torture ${torture} gives the same cases again\n`);
Object.assign(process.env, { DEEP_SEED: seed, MODEL_SEED: seed, MODEL_HISTORIES: histories, MODEL_COMMANDS: 10, TORTURE_FACTOR: torture });
runSuite('vitest.deep.config.ts', rest);
