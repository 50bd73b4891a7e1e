import { FederatedTaskService, FederationNodeService } from '@skein/contracts/federation';
import { FlNode, schemaOf } from '@skein/fl-node';
import { unwrap } from '@skein/kernel';
import { parseCsv } from '@skein/models';
import type { RunnerPool } from '@skein/runner';
import { uploadArtifact } from '@skein/sdk';
import type { Actor } from '../../../../scripts/src/demo/actor.js';
import { csv, model, STAKE } from './arena-play.js';

const UNIT = 10n ** 18n;
const deadline = 600_000;

/** Proposes a federated task over two features; returns its name. */
export async function proposeFederation(creator: Actor, label: string, { rounds = 3, arenaTask = '' } = {}): Promise<string> {
  const upload = (bytes: Uint8Array): Promise<string> => uploadArtifact(creator.rest, 'federation', bytes);
  const { name } = await creator.client(FederatedTaskService, 'fl-aggregator').proposeFederatedTask({
    requestId: creator.requestId(`propose federation ${label}`),
    manifest: {
      title: `Above or below, together: ${label}`,
      arenaTask,
      forwardSha256: await upload(model(1)),
      publicRowsSha256: await upload(csv(0, 20)),
      training: { localEpochs: 1, batch: 4, learningRate: 0.1, l2: 0 },
      rule: { name: 'fedavg', parameters: {} },
      rounds,
      participantsMin: 2,
      participantsMax: 2,
      stakeThresholdUnits: (STAKE / 2n).toString(),
      deadlines: { joiningMs: deadline, contributingMs: deadline, committingMs: deadline, revealingMs: deadline },
    },
  });
  return name;
}

/** The operator approves with a pool. */
export const approveFederation = (operator: Actor, name: string) =>
  operator.client(FederatedTaskService, 'fl-aggregator').approveFederatedTask({ requestId: operator.requestId(`approve ${name}`), name, pool: { asset: 'FLOCK', units: (1_000n * UNIT).toString() } });

/** The members, each with rows of its own, join when their stakes are seen and work until the task ends; returns the outcomes. */
export async function playFederation(members: readonly Actor[], task: string, runner: RunnerPool): Promise<string[]> {
  return Promise.all(
    members.map(async (member, index) => {
      const text = new TextDecoder().decode(csv(3_000 + 100 * index, 24));
      const schema = schemaOf(text, 'label', ['0', '1']);
      const clients = { tasks: member.client(FederatedTaskService, 'fl-aggregator'), nodes: member.client(FederationNodeService, 'fl-aggregator') };
      const node = new FlNode({ ...clients, task, wallet: member.wallet, rows: unwrap(parseCsv(text, schema)), schema, runner, saltSecret: member.name, onNotice: () => undefined });
      await node.joinWhenStaked(AbortSignal.timeout(60_000));
      return node.run(AbortSignal.timeout(90_000));
    }),
  );
}
