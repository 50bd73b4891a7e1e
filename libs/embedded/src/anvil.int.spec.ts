import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { keepOneGenesis, startAnvil, type Anvil } from './anvil.js';

const folder = mkdtempSync(join(tmpdir(), 'skein anvil '));
const started: Anvil[] = [];
afterAll(async () => {
  for (const anvil of started) await anvil.stop();
  rmSync(folder, { recursive: true });
});

const start = async (...options: Parameters<typeof startAnvil>): Promise<Anvil> => {
  const anvil = await startAnvil(...options);
  started.push(anvil);
  return anvil;
};

async function ask(anvil: Pick<Anvil, 'rpcUrl'>, method: string, ...params: unknown[]): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const response = await fetch(anvil.rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return ((await response.json()) as { result: unknown }).result;
}

const block = (anvil: Anvil, at: string): Promise<{ number: string; hash: string; parentHash: string }> =>
  ask(anvil, 'eth_getBlockByNumber', at, false) as Promise<{ number: string; hash: string; parentHash: string }>;

test('finality is two blocks behind, and recent state can be read there', async () => {
  const anvil = await start({ blockTimeSeconds: 0 });
  await anvil.mine(5);
  expect([(await block(anvil, 'latest')).number, (await block(anvil, 'safe')).number]).toEqual(['0x5', '0x4']);
  expect((await block(anvil, 'finalized')).number).toBe('0x3');
  const holder = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
  expect(await ask(anvil, 'eth_getBalance', holder, '0x3')).toBe('0x21e19e0c9bab2400000');
  await anvil.stop();
});

test('a chain that was stopped goes on with the same blocks', async () => {
  const stateFile = join(folder, 'kept chain.json');
  const first = await start({ stateFile, blockTimeSeconds: 0 });
  await first.mine(4);
  const before = await Promise.all(['0x0', '0x2', '0x4'].map((at) => block(first, at)));
  await first.stop();

  const second = await start({ stateFile });
  expect(await Promise.all(['0x0', '0x2', '0x4'].map((at) => block(second, at)))).toEqual(before);
  expect((await block(second, '0x5')).parentHash).toBe(before[2]!.hash);
  await second.stop();
});

test('a chain that was restarted four times still has its first genesis', async () => {
  const stateFile = join(folder, 'often restarted.json');
  const geneses = new Set<string>();
  for (let restart = 0; restart < 5; restart += 1) {
    const anvil = await start({ stateFile, blockTimeSeconds: 0 });
    await anvil.mine(1);
    geneses.add((await block(anvil, '0x0')).hash);
    await anvil.stop();
  }
  expect(geneses.size).toBe(1);
});

test('of several geneses in a state file the oldest stays, and everything else with it', () => {
  const stateFile = join(folder, 'geneses.json');
  const at = (number: string, timestamp: string) => ({ header: { number, timestamp }, transactions: [] });
  writeFileSync(stateFile, JSON.stringify({ best_block_number: 1, blocks: [at('0x0', '0x9'), at('0x1', '0x8'), at('0x0', '0x7'), at('0x0', '0x8')], accounts: { a: 1 } }));
  expect(keepOneGenesis(stateFile)).toBe(2);
  expect(JSON.parse(readFileSync(stateFile, 'utf8'))).toEqual({ best_block_number: 1, blocks: [at('0x1', '0x8'), at('0x0', '0x7')], accounts: { a: 1 } });
  expect(keepOneGenesis(stateFile)).toBe(0);
  expect(keepOneGenesis(join(folder, 'absent.json'))).toBe(0);
});

test('a chain whose parent is killed writes its state and ends; the next start waits for that', async () => {
  const stateFile = join(folder, 'killed.json');
  const source = new URL('./anvil.ts', import.meta.url).href;
  const program = `const { startAnvil } = await import(${JSON.stringify(source)});
    const anvil = await startAnvil({ stateFile: ${JSON.stringify(stateFile)}, blockTimeSeconds: 0 });
    await anvil.mine(300);
    console.log(anvil.pid);
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = await new Promise<number>((resolve) =>
    createInterface({ input: parent.stdout }).once('line', (line) => resolve(Number(line))),
  );
  parent.kill('SIGKILL');

  const next = await start({ stateFile, blockTimeSeconds: 0 });
  expect((await block(next, 'latest')).number).toBe('0x12c');
  expect(existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(stateFile)).toBe(false);
  await next.stop();
});

test('a taken port and an unreadable state file are named', async () => {
  const anvil = await start({ blockTimeSeconds: 0 });
  await expect(startAnvil({ port: anvil.port, blockTimeSeconds: 0 })).rejects.toThrow(`port ${anvil.port} is taken`);
  const stateFile = join(folder, 'broken.json');
  writeFileSync(stateFile, '{"block":');
  await expect(startAnvil({ stateFile, blockTimeSeconds: 0 })).rejects.toThrow(`state file ${stateFile} cannot be read`);
  await anvil.stop();
});
