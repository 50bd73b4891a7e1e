import { EpochRewardedSchema, TaskFinishedSchema } from '@skein/contracts/arena';
import { ApiKeyCreatedSchema } from '@skein/contracts/billing';
import { FederatedTaskFinishedSchema, RoundOpenedSchema, RoundSettledSchema } from '@skein/contracts/federation';
import { sha256Hex } from '@skein/kernel';
import { developer, modelSha256, requestId, walletOf, type Surroundings } from './marketplace-stage.js';

export const arenaTask = 'tasks/018f0000-0000-7000-8000-00000000aaaa';
export const federatedTask = 'federatedTasks/018f0000-0000-7000-8000-00000000bbbb';
export const customer = 'customers/018f0000-0000-7000-8000-00000000cccc';
export const SECRET = '0'.repeat(64);
export const KEY = `Bearer sk_goodkey1_${SECRET}`;
export const KEY_ID = requestId(77);
export const creator = 'eip155:31337:0x00000000000000000000000000000000000000c1';
export const hospital = (index: number): string => `eip155:31337:0x000000000000000000000000000000000000000${index}`;

/** Two keys of one customer: one that may infer, one that may not. */
export async function publishKeys(stage: Surroundings): Promise<void> {
  const at = { topic: 'billing.entitlement.v1', type: 'skein.billing.customer.api-key-created.v1', streamId: 'customer-1', schema: ApiKeyCreatedSchema };
  const key = { customer, keyId: KEY_ID, secretSha256: sha256Hex(SECRET), spendCapUnits: '', createdAtMs: 1n };
  await stage.publish({ ...at, version: 1, message: { ...key, prefix: 'goodkey1', scopes: ['marketplace.infer'] } });
  await stage.publish({ ...at, version: 2, message: { ...key, prefix: 'noscope1', scopes: ['billing.read'] } });
}

/** An arena task of two epochs, and a federated task of three rounds of which the last was voted down. */
export async function publishLineage(stage: Surroundings): Promise<void> {
  const federation = { topic: 'federation.round.v1', streamId: 'federation-1' };
  const proposed = [[hospital(1), hospital(2)], [hospital(1), hospital(3)], [hospital(2), hospital(3)]];
  for (const [index, nodes] of proposed.entries()) {
    const round = index + 1;
    const proposers = nodes.map((node) => ({ node, stakeUnits: '1' }));
    await stage.publish({ ...federation, version: 2 * round, type: 'skein.federation.round.opened.v1', schema: RoundOpenedSchema, message: { task: federatedTask, round, proposers } });
    const outcome = round === 3 ? 'rejected' : 'accepted';
    await stage.publish({ ...federation, version: 2 * round + 1, type: 'skein.federation.round.settled.v1', schema: RoundSettledSchema, message: { task: federatedTask, round, outcome } });
  }
  await stage.publish({ ...federation, version: 9, type: 'skein.federation.model.exported.v1', schema: FederatedTaskFinishedSchema, message: { task: federatedTask, creator: walletOf(developer), arenaTask, modelSha256 } });
  const validator = { role: 'validator', poolPaidUnits: '0' };
  const rewards = [{ ...validator, wallet: hospital(8), paidUnits: '300' }, { ...validator, wallet: hospital(9), paidUnits: '100' }, { role: 'node', wallet: hospital(7), paidUnits: '999', poolPaidUnits: '0' }];
  for (const epoch of [1, 2])
    await stage.publish({ topic: 'arena.reward.v1', streamId: 'task-1', version: epoch, type: 'skein.arena.epoch.rewarded.v1', schema: EpochRewardedSchema, message: { task: arenaTask, epoch, rewards } });
  const winner = { rank: 1, owner: walletOf(developer), submission: 's', artifactSha256: '00', scoreNano: 1n };
  await stage.publish({ topic: 'arena.task.v1', streamId: 'task-1', version: 3, type: 'skein.arena.task.finished.v1', schema: TaskFinishedSchema, message: { task: arenaTask, creator, winner, epochs: 2 } });
}
