import { FederatedTaskService } from '@skein/contracts/federation';
import { uploadArtifact } from '@skein/sdk';
import type { Actor } from '../../../../scripts/src/demo/actor.js';
import { csv, model, STAKE } from './arena-play.js';

const UNIT = 10n ** 18n;
const deadline = 600_000;

/** Proposes a federated task over two features; returns its name. */
export async function proposeFederation(creator: Actor, label: string): Promise<string> {
  const upload = (bytes: Uint8Array): Promise<string> => uploadArtifact(creator.rest, 'federation', bytes);
  const { name } = await creator.client(FederatedTaskService, 'fl-aggregator').proposeFederatedTask({
    requestId: creator.requestId(`propose federation ${label}`),
    manifest: {
      title: `Above or below, together: ${label}`,
      arenaTask: '',
      forwardSha256: await upload(model(1)),
      publicRowsSha256: await upload(csv(0, 20)),
      training: { localEpochs: 1, batch: 4, learningRate: 0.1, l2: 0 },
      rule: { name: 'fedavg', parameters: {} },
      rounds: 3,
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
