// npm run test:containers [-- vitest arguments]: the suites of the event logs and every suite on PostgreSQL on the official images
// (apache/kafka:4.1.1, postgres:18) through testcontainers, then one closing line. Where no Docker engine answers, or it cannot
// get the images, all of them count as skipped.
import { spawnSync } from 'node:child_process';
import { build, install } from './bootstrap.mjs';
import { runSuite, skipSuite } from './suite.mjs';

const CONFIG = 'vitest.containers.config.ts';
const IMAGES = ['apache/kafka:4.1.1', 'postgres:18'];
const ANSWER_MS_MAX = 20_000;
const PULL_MS_MAX = 300_000;

const docker = (args, timeout) => spawnSync('docker', args, { stdio: 'ignore', timeout });

/** A sentence that says what is missing; empty where all is there. */
function missing() {
  const engine = docker(['info', '--format', '{{.ServerVersion}}'], ANSWER_MS_MAX);
  if (engine.error?.code === 'ENOENT') return 'no Docker engine: there is no docker command here';
  if (engine.status !== 0) return 'no Docker engine answers to docker info';
  for (const image of IMAGES) {
    const there = docker(['image', 'inspect', image], ANSWER_MS_MAX).status === 0;
    if (!there && docker(['pull', '-q', image], PULL_MS_MAX).status !== 0) return `the image ${image} is not here and cannot be pulled`;
  }
  return '';
}

install();
const why = missing();
if (why !== '') skipSuite(why, CONFIG);
build();
runSuite(CONFIG, process.argv.slice(2));
