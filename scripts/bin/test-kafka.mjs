// npm run test:kafka [-- vitest arguments]: the suites that need a Kafka broker, then one closing line. The broker is that of
// KAFKA_BROKERS, or one from Maven jars; where neither can be had, all of them count as skipped.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, env, install, node24, root } from './bootstrap.mjs';
import { runSuite, skipSuite } from './suite.mjs';

install();
build();

/** A sentence that says why no broker can be had; empty where one can. */
function missing() {
  if (process.env.KAFKA_BROKERS) return '';
  const look = "const { kafkaAvailable } = await import('@skein/embedded'); const found = await kafkaAvailable(); process.stdout.write(found.ok ? '' : found.why);";
  return spawnSync(node24(), ['--input-type=module', '-e', look], { cwd: join(root, 'libs', 'testing'), encoding: 'utf8', env: env() }).stdout;
}

const why = missing();
if (why !== '') skipSuite(why, 'vitest.kafka.config.ts');
runSuite('vitest.kafka.config.ts', process.argv.slice(2));
