// npm run test:containers [-- vitest arguments]: the suites of the event logs and of the event store on the official images
// (apache/kafka:4.1.1, postgres:18) through testcontainers, then one closing line. Where no Docker engine answers, or it cannot
// get the images, all of them count as skipped.
import { spawnSync } from 'node:child_process';
import { build, install } from './bootstrap.mjs';
import { runSuite, skipSuite } from './suite.mjs';

const IMAGES = ['apache/kafka:4.1.1', 'postgres:18'];
const PULL_MS_MAX = 300_000;

/** A sentence that says what is missing; empty where all is there. */
function missing() {
  const engine = spawnSync('docker', ['info', '--format', '{{.ServerVersion}}'], { stdio: 'ignore' });
  if (engine.error || engine.status !== 0) return 'no Docker engine answers';
  for (const image of IMAGES) {
    const there = spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0;
    if (!there && spawnSync('docker', ['pull', '-q', image], { stdio: 'ignore', timeout: PULL_MS_MAX }).status !== 0) return `the image ${image} is not here and cannot be pulled`;
  }
  return '';
}

install();
build();
const why = missing();
if (why !== '') skipSuite(why, ['libs/messaging/test', 'libs/events'], /\.(kafka|int)\.spec\.ts$/);
runSuite('vitest.containers.config.ts', process.argv.slice(2));
