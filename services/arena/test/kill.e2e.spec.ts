import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, uuidV8From } from '@skein/kernel';
import { migrationsOf } from '@skein/platform';
import { eventually, freshDatabase } from '@skein/testing';
import { expect, test } from 'vitest';
import { commitHash } from '../src/domain/submission/commit.policy.js';
import { arenaService } from '../src/index.js';
import { model } from './models.js';
import { Neighbours } from './neighbours.js';
import { csv, restProposal } from './proposals.js';
import { ServiceProcess } from './service-process.js';
import { OPERATOR, type Person, SERVICE_SECRET, person, sha256 } from './stage.js';

type Json = Record<string, unknown>;
const BYTES = [model(1), model(2)];
const salt = (n: number): string => n.toString(16).padStart(64, '0');

/** Where the service is killed: while the call is under way whose answer the client then never sees. */
const MOMENTS = ['propose', 'approve', 'stakes', 'commit-1', 'reveal-1', 'done-2', 'final'] as const;
type Moment = (typeof MOMENTS)[number];

class Story {
  constructor(
    private readonly service: ServiceProcess,
    private readonly neighbours: Neighbours,
    private readonly killAt: ReadonlySet<Moment>,
  ) {}

  /** Repeats the same call with the same key until somebody answers. */
  private async call(method: string, path: string, who: string, body?: Json | Uint8Array, label = path): Promise<Json> {
    const isBytes = body instanceof Uint8Array;
    return eventually(
      async () => {
        const response = await this.service.fetch(path, {
          method,
          headers: { authorization: who, ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json', 'idempotency-key': uuidV8From(label) }) },
          ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
        });
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
        return (await response.json()) as Json;
      },
      { timeoutMs: 20_000, everyMs: 50 },
    );
  }

  /** Gives a command; at a chosen moment the service dies while it is under way, and the client repeats it. */
  private async command(moment: Moment | '', path: string, who: string, body: Json, label: string): Promise<Json> {
    const first = this.call('POST', path, who, body, label);
    if (moment !== '' && this.killAt.has(moment)) await this.service.killAndStart();
    const answer = await first;
    if (moment !== '' && this.killAt.has(moment)) expect(await this.call('POST', path, who, body, label)).toEqual(answer);
    return answer;
  }

  private upload = async (who: Person, bytes: Uint8Array): Promise<string> => {
    await this.call('PUT', `/arena/v1/artifacts/${sha256(bytes)}`, who.authorization, bytes);
    return sha256(bytes);
  };

  private until(task: string, wanted: Json): Promise<void> {
    return eventually(async () => expect(await this.call('GET', `/arena/v1/${task}`, OPERATOR)).toMatchObject(wanted), { timeoutMs: 30_000, everyMs: 50 });
  }

  private async open(partner: Person): Promise<string> {
    const dataSets = { trainingSha256: await this.upload(partner, csv(0, 20)), rotatingSha256: [await this.upload(partner, csv(100, 10))], heldBackSha256: await this.upload(partner, csv(200, 10)), labelColumn: 'label' };
    const request = restProposal(dataSets);
    const body = { ...request, schedule: { ...(request['schedule'] as Json), nodesExpected: 2 } };
    const { name } = await this.command('propose', '/arena/v1/tasks', partner.authorization, body, 'propose');
    await this.command('approve', `/arena/v1/${String(name)}:approve`, OPERATOR, {}, 'approve');
    return String(name);
  }

  private async commits(task: string, epoch: number, nodes: readonly Person[]): Promise<string[]> {
    const names: string[] = [];
    for (const [index, node] of nodes.entries()) {
      const commit = commitHash({ taskId: task.slice('tasks/'.length), epoch, owner: node.wallet, artifactSha256: sha256(BYTES[index]!), salt: salt(index) });
      const answer = await this.command(index === 0 ? 'commit-1' : '', `/arena/v1/${task}/submissions`, node.authorization, { commit, epoch }, `commit/${index}`);
      names.push(String(answer['name']));
    }
    return names;
  }

  async play(): Promise<string> {
    const [partner, ...nodes] = (await Promise.all([1, 11, 12].map((n) => person(n)))) as [Person, Person, Person];
    const validators = await Promise.all([21, 22, 23].map((n) => person(n)));
    const task = await this.open(partner);
    await this.neighbours.judge((_, { submissions }) => ({ score: 700_000_000n + BigInt(submissions.length) }));
    for (const node of nodes) await this.neighbours.stake(node.wallet, task, 'node', 3000);
    for (const validator of validators) await this.neighbours.stake(validator.wallet, task, 'validator', 4000);
    if (this.killAt.has('stakes')) await this.service.killAndStart();
    await this.until(task, { epoch: 1, epochPhase: 'committing' });
    const names = await this.commits(task, 1, nodes);
    await this.until(task, { epoch: 1, epochPhase: 'revealing' });
    for (const [index, node] of nodes.entries()) {
      const artifactSha256 = await this.upload(node, BYTES[index]!);
      await this.command(index === 1 ? 'reveal-1' : '', `/arena/v1/${names[index]}:reveal`, node.authorization, { artifactSha256, salt: salt(index) }, `reveal/${index}`);
    }
    await this.until(task, { epoch: 2, epochPhase: 'committing' });
    for (const [index, node] of nodes.entries()) await this.command(index === 1 ? 'done-2' : '', `/arena/v1/${task}:done`, node.authorization, { epoch: 2 }, `done/${index}`);
    if (this.killAt.has('final')) await this.service.killAndStart();
    await this.until(task, { status: 'finished' });
    return this.outcome(task);
  }

  /** What must be equal however often the service died. */
  private async outcome(task: string): Promise<string> {
    const read = (path: string) => this.call('GET', `/arena/v1/${task}/${path}`, OPERATOR);
    return eventually(async () => {
      const [{ rewards }, { epochs }, { submissions }] = (await Promise.all([read('rewards'), read('epochs'), read('submissions')])) as [{ rewards: Json[] }, { epochs: Json[] }, { submissions: Json[] }];
      expect(submissions.every(({ finalRank }) => Number(finalRank) > 0)).toBe(true);
      expect(rewards.filter(({ epoch }) => Number(epoch ?? 0) === 0).every(({ vestingStartMs }) => Number(vestingStartMs) > 0)).toBe(true);
      const timeless = ({ task: _, vestedUnits: __, vestingStartMs: ___, ...reward }: Json): Json => reward;
      return canonicalJson({ rewards: rewards.map(timeless), epochs, submissions: submissions.map(({ owner, order, status, finalRank, finalScoreNano }) => ({ owner, order, status, finalRank, finalScoreNano })) });
    }, { timeoutMs: 20_000 });
  }
}

async function run(killAt: readonly Moment[]): Promise<{ outcome: string; kills: number }> {
  const database = await freshDatabase(...migrationsOf(arenaService));
  const neighbours = await Neighbours.start();
  const dir = await mkdtemp(join(tmpdir(), 'skein-arena-kill-'));
  const service = new ServiceProcess({
    DATABASE_URL: database.appUrl, MIGRATION_DATABASE_URL: database.ownerUrl, EVENT_LOG_URL: neighbours.url, ARTIFACTS_DIR: dir,
    SERVICE_TOKEN_SECRET: SERVICE_SECRET, OPERATOR_TOKEN_SHA256: sha256(OPERATOR.slice('Bearer '.length)), SIGN_IN_DOMAIN: 'skein.test', BEACON_SEED: 'test', LOG_LEVEL: 'info',
  });
  try {
    await service.start();
    const outcome = await new Story(service, neighbours, new Set(killAt)).play();
    return { outcome, kills: service.kills };
  } finally {
    await service.kill();
    await neighbours.close();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  }
}

test('kill -9 at seven moments: same ranks, same rewards, same answers to repeated calls', async () => {
  const undisturbed = await run([]);
  const killed = await run(MOMENTS);
  expect(killed.kills).toBe(MOMENTS.length);
  expect(JSON.parse(killed.outcome)).toEqual(JSON.parse(undisturbed.outcome));
}, 180_000);
