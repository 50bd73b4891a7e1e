import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { devKey } from '@skein/contracts-evm';
import type { Dataset } from '@skein/models';
import type { Actor } from './actor.js';
import { csvOf } from './csv.js';
import type { Story } from './story.js';

const HONEST = fileURLToPath(new URL('../../../libs/clients/fl-node/dist/main.js', import.meta.url));
const SABOTEUR = fileURLToPath(new URL('./saboteur.js', import.meta.url));

/** The federation's members: each a process of its own with its own rows, none of which ever leaves it. */
export class FlNodes {
  private readonly children: { readonly name: string; readonly child: ChildProcess; output: string }[] = [];

  /** Starts a node per member. The rows are written where only this node's process is told to look. */
  start(story: Story, task: string, folder: string): void {
    const { cast, data } = story;
    const members: [Actor, Dataset][] = [
      ...cast.hospitals.map((actor, index): [Actor, Dataset] => [actor, data.hospitals[index] as Dataset]),
      ...cast.laboratories.map((actor, index): [Actor, Dataset] => [actor, data.laboratories[index] as Dataset]),
      [cast.saboteur, data.saboteur],
    ];
    for (const [actor, rows] of members) this.spawn(story, actor, rows, task, folder);
  }

  private spawn(story: Story, actor: Actor, rows: Dataset, task: string, folder: string): void {
    const home = join(folder, actor.name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, 'rows.csv'), csvOf(rows), { mode: 0o600 });
    writeFileSync(join(home, 'key'), devKey(story.seed, actor.name), { mode: 0o600 });
    const { devnet, cast } = story;
    const main = actor === cast.saboteur ? SABOTEUR : HONEST;
    const args = ['--address', devnet.grpc['fl-aggregator'] as string, '--task', task, '--rows', join(home, 'rows.csv'), '--key-file', join(home, 'key'), '--label', 'diabetes', '--classes', '0,1', '--domain', devnet.siweDomain, '--chain-id', String(devnet.chainId), '--end-with-parent'];
    const child = spawn(process.execPath, ['--enable-source-maps', main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const node = { name: actor.name, child, output: '' };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (node.output = `${node.output}${chunk.toString()}`.slice(-4000)));
    this.children.push(node);
  }

  /** Throws for a node that ended with an error, with its last words. */
  assertHealthy(): void {
    const failed = this.children.find(({ child }) => child.exitCode !== null && child.exitCode !== 0);
    if (failed) throw new Error(`${failed.name} ended with ${failed.child.exitCode}: ${failed.output}`);
  }

  /** Ends every node and waits for it. */
  async stop(): Promise<void> {
    const running = this.children.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    const ended = running.map(({ child }) => new Promise((resolve) => child.once('exit', resolve)));
    for (const { child } of running) child.kill('SIGTERM');
    await Promise.all(ended);
  }
}
