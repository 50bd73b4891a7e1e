import { ReconciliationFrozenSchema, ReconciliationPassedSchema, ReconciliationThawedSchema } from '@skein/contracts/staking';
import type { Recorded, RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import type { ReconciliationEvent } from '../domain/reconciliation/reconciliation.events.js';
import { refMessage } from './position-message.js';

const TOPIC = 'staking.reconciliation.v1';

/** Whether payouts may rest on a chain's stakes, key = chain. */
export const reconciliationPublication: Publication = {
  name: 'reconciliation',
  topic: TOPIC,
  types: ['skein.staking.reconciliation.frozen.v1', 'skein.staking.reconciliation.passed.v1', 'skein.staking.reconciliation.thawed.v1'],
  map(recorded: RecordedEvent) {
    const event = recorded as Recorded<ReconciliationEvent>;
    const chain = `eip155:${event.data.chainId}`;
    const of = { event: recorded, topic: TOPIC, key: chain };
    const said = { chain, version: BigInt(event.version), logSinceMs: BigInt(event.data.logSinceMs ?? 0) };
    switch (event.type) {
      case 'skein.staking.reconciliation.thawed.v1':
        return publicMessage({ ...of, schema: ReconciliationThawedSchema, message: { ...said, reason: event.data.reason } });
      case 'skein.staking.reconciliation.passed.v1': {
        const { asOf, checkedAtMs, holdsForMs } = event.data;
        const message = { ...said, asOf: refMessage(asOf), checkedAtMs: BigInt(checkedAtMs), holdsForMs: BigInt(holdsForMs) };
        return publicMessage({ ...of, schema: ReconciliationPassedSchema, message });
      }
      case 'skein.staking.reconciliation.frozen.v1': {
        const { asOf, rule, reason } = event.data;
        const differences = event.data.differences.map(({ total, readModel, contract }) => ({ total, readModelUnits: readModel.toString(), contractUnits: contract.toString() }));
        return publicMessage({ ...of, schema: ReconciliationFrozenSchema, message: { ...said, rule, reason, asOf: refMessage(asOf), differences } });
      }
    }
  },
};
