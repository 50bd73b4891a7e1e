// What every command needs before it can run: dependencies as locked, a build, and Node 24. Runs on the host's Node >= 20.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const stamp = join(root, 'node_modules', '.skein-lock');

const lockHash = () => createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex');

/** The Node 24 that comes with the lockfile, else the host's own if it is new enough. */
export function node24() {
  const own = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  fail(`Node 24 or newer is needed on ${process.platform}-${process.arch} (this is ${process.version}). Install it and run the command again.`);
}

export function fail(message) {
  process.stderr.write(`skein: ${message}\n`);
  process.exit(1);
}

function must(title, command, args) {
  process.stderr.write(`skein: ${title}\n`);
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) fail(`${title} failed (exit ${done.status ?? done.signal}); its output is above`);
}

/** `npm ci` when the lockfile is not what is installed. */
export function install() {
  const hash = lockHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  must('installing dependencies (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, hash);
}

/** Compiles what changed. */
export function build() {
  const tsc = join(root, 'node_modules', 'typescript-native', 'bin', 'tsc');
  const done = spawnSync(node24(), [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) fail('the build failed; its output is above');
}

/** Environment with Node 24 first on the path. */
export const env = () => ({ ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` });

/** Parent of a process, 0 when it cannot be known. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

/** Who started this: npm runs its scripts through a shell, so the parent and the parent's parent. */
const ancestry = () => [process.ppid, parentOf(process.ppid)].join();
// Taken before anything slow: who dies during the installation or the build is missed too.
const startedBy = ancestry();

/**
 * Runs a built script under Node 24 in place of this process: signals are passed on, the exit code is its own. Ctrl-C in a
 * terminal reaches both; the child answers it and this process waits. When whoever started this dies, so does the child.
 */
export function become(script, args) {
  if (ancestry() !== startedBy) fail('whoever started this is gone');
  const child = spawn(node24(), ['--enable-source-maps', join(root, script), ...args], { stdio: 'inherit', env: env() });
  const watch = setInterval(() => {
    if (ancestry() === startedBy) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 500);
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    clearInterval(watch);
    process.exit(code ?? (signal === 'SIGINT' ? 130 : 143));
  });
}
