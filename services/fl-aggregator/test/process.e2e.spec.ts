import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '@skein/kernel';
import { pimaSchema, writeCsv } from '@skein/models';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, rowsFor, stage } from './harness.js';
import type { Stage } from './harness.js';
import { approvedTask, STAKE } from './played-task.js';

const MAIN = fileURLToPath(new URL('../../../libs/clients/fl-node/dist/main.js', import.meta.url));
const rows = rowsFor(6);

let s: Stage;
let folder: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  s = await stage();
  folder = mkdtempSync(join(tmpdir(), 'skein-hospital-'));
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await s.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A hospital: a process with nothing but its rows, its key and the address. */
function hospital(index: number, task: string, more: readonly string[] = []): Promise<Ended> {
  const [csv, key] = [join(folder, `${index}.csv`), join(folder, `${index}.key`)];
  writeFileSync(csv, writeCsv(rows.nodes[index]!, pimaSchema.label));
  writeFileSync(key, `0x${sha256Hex(`test/node-${index}`)}\n`, { mode: 0o600 });
  const address = `127.0.0.1:${s.service.grpcPort}`;
  const args = ['--address', address, '--task', task, '--rows', csv, '--key-file', key, '--label', 'diabetes', '--classes', 'neg,pos', '--domain', 'skein.test', ...more];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

const notices = ({ out }: Ended): string[] => out.trim().split('\n').map((line) => (JSON.parse(line) as { kind: string }).kind);

test('two hospitals as processes play a round each way and end by themselves; no row is printed', async () => {
  const task = await approvedTask(s, await actor('partner'), 'process', { participantsMax: 2, participantsMin: 2, rounds: 2 });
  const members = await Promise.all([0, 1].map((i) => actor(`node-${i}`)));
  const ended = [hospital(0, task), hospital(1, task)];
  for (const { wallet } of members) await s.stake(wallet, task, STAKE);
  for (const one of await Promise.all(ended)) {
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(notices(one)).toEqual(expect.arrayContaining(['joined', 'round-ended', 'ended']));
    expect(one.out).toContain('"outcome":"finished"');
    const firstRow = readFileSync(join(folder, '0.csv'), 'utf8').split('\n')[1]!;
    expect(one.out).not.toContain(firstRow.split(',').slice(0, 3).join(','));
  }
  await eventually(async () => expect((await s.rest('GET', `/federation/v1/${task}`)).json).toMatchObject({ phase: 'finished', roundsDone: 2 }), { timeoutMs: 20_000 });
}, 90_000);

test('a wrong command line says what is missing, and a signal ends a waiting node', async () => {
  const task = await approvedTask(s, await actor('partner'), 'waiting', { participantsMax: 2, participantsMin: 2, rounds: 1 });
  expect(await hospital(2, task, ['--chain-id', 'x'])).toMatchObject({ code: 1, err: expect.stringContaining('--chain-id must be a positive integer') });
  const waiting = hospital(3, task);
  const child = children.at(-1)!;
  await new Promise((resolve) => child.once('spawn', resolve));
  await eventually(() => {
    child.kill('SIGTERM');
    expect(child.exitCode ?? child.signalCode).not.toBeNull();
  }, { timeoutMs: 30_000 });
  expect([0, null]).toContain((await waiting).code);
}, 60_000);
