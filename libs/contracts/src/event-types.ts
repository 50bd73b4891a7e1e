/**
 * Every public event type by topic. A message of another type (or of another major version) is one that no contract of this
 * build knows: consumers refuse it, while a type that is here and that a group does not handle is simply not for that group.
 */
export const EVENT_TYPES: Readonly<Record<string, readonly string[]>> = {
  'arena.task.v1': [
    'skein.arena.task.proposed.v1', 'skein.arena.task.opened.v1', 'skein.arena.training.started.v1', 'skein.arena.epoch.opened.v1',
    'skein.arena.scoring.requested.v1', 'skein.arena.final-validation.started.v1', 'skein.arena.challenge.started.v1',
    'skein.arena.task.finished.v1', 'skein.arena.task.cancelled.v1',
  ],
  'arena.submission.v1': [
    'skein.arena.submission.committed.v1', 'skein.arena.submission.revealed.v1', 'skein.arena.submission.admitted.v1',
    'skein.arena.submission.rejected.v1', 'skein.arena.submission.superseded.v1', 'skein.arena.submission.scored.v1',
  ],
  'arena.reward.v1': ['skein.arena.epoch.rewarded.v1', 'skein.arena.locked-rewards.divided.v1', 'skein.arena.vesting.started.v1'],
  'arena.case.v1': ['skein.arena.case.opened.v1', 'skein.arena.case.decided.v1', 'skein.arena.case.dismissed.v1', 'skein.arena.case.finalised.v1'],
  'validation.verdict.v1': ['skein.validation.verdict.agreed.v1', 'skein.validation.verdict.failed.v1'],
  'federation.round.v1': [
    'skein.federation.task.approved.v1', 'skein.federation.node.joined.v1', 'skein.federation.node.excluded.v1', 'skein.federation.round.opened.v1',
    'skein.federation.round.settled.v1', 'skein.federation.round.voided.v1', 'skein.federation.model.exported.v1',
  ],
  'staking.reconciliation.v1': ['skein.staking.reconciliation.frozen.v1', 'skein.staking.reconciliation.passed.v1', 'skein.staking.reconciliation.thawed.v1'],
  'staking.position.v1': ['skein.staking.position.changed.v1', 'skein.staking.pool.changed.v1', 'skein.staking.case.changed.v1', 'skein.staking.sigma.changed.v1', 'skein.staking.finality.reached.v1'],
  'marketplace.model-version.v1': ['skein.marketplace.model.version-registered.v1'],
  'marketplace.price.v1': ['skein.marketplace.deployment.price-changed.v1'],
  'marketplace.usage.v1': ['skein.marketplace.call.ran.v1', 'skein.marketplace.call.voided.v1'],
  'billing.entitlement.v1': ['skein.billing.customer.created.v1', 'skein.billing.customer.api-key-created.v1', 'skein.billing.customer.api-key-revoked.v1'],
  'billing.ledger.v1': ['skein.billing.ledger.credit-bought.v1', 'skein.billing.ledger.call-charged.v1', 'skein.billing.ledger.credit-released.v1', 'skein.billing.ledger.booked.v1'],
};
