import { EpochRewardedSchema, TaskFinishedSchema } from '@skein/contracts/arena';
import { FederatedTaskFinishedSchema, RoundOpenedSchema, RoundSettledSchema } from '@skein/contracts/federation';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type { LineageCopy } from '../../infrastructure/lineage-copy.js';

/** Who made what: arena's winners and payments, federation's accepted rounds and final models. */
export const lineageHandlers = (copy: LineageCopy): readonly MessageHandler[] => [
  onMessage({
    topic: 'arena.task.v1',
    type: 'skein.arena.task.finished.v1',
    schema: TaskFinishedSchema,
    handle: async ({ task, creator, winner, epochs }, { inbox }) => {
      if (winner) await copy.taskFinished(inbox, { task, creator, developer: winner.owner, artifactSha256: winner.artifactSha256, epochs });
    },
  }),
  onMessage({
    topic: 'arena.reward.v1',
    type: 'skein.arena.epoch.rewarded.v1',
    schema: EpochRewardedSchema,
    handle: async ({ task, epoch, rewards }, { inbox }) => {
      const validators = rewards.filter(({ role }) => role === 'validator');
      const paid = validators.flatMap(({ wallet, paidUnits, poolPaidUnits }) => [{ payee: wallet, units: paidUnits || '0' }, { payee: `pools/${wallet}`, units: poolPaidUnits || '0' }]);
      await copy.validatorsPaid(inbox, { task, epoch }, paid.filter(({ units }) => units !== '0'));
    },
  }),
  onMessage({
    topic: 'federation.round.v1',
    type: 'skein.federation.round.opened.v1',
    schema: RoundOpenedSchema,
    handle: ({ task, round, proposers }, { inbox }) => copy.roundOpened(inbox, { task, round, proposers: proposers.map(({ node }) => node) }),
  }),
  onMessage({
    topic: 'federation.round.v1',
    type: 'skein.federation.round.settled.v1',
    schema: RoundSettledSchema,
    handle: async ({ task, round, outcome }, { inbox }) => {
      if (outcome === 'accepted') await copy.roundAccepted(inbox, task, round);
    },
  }),
  onMessage({
    topic: 'federation.round.v1',
    type: 'skein.federation.model.exported.v1',
    schema: FederatedTaskFinishedSchema,
    handle: ({ task, creator, arenaTask, modelSha256 }, { inbox }) => copy.modelExported(inbox, { task, creator, arenaTask, modelSha256 }),
  }),
];
