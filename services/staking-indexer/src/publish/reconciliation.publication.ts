import { ReconciliationFrozenSchema, ReconciliationThawedSchema } from '@skein/contracts/staking';
import type { Recorded, RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import type { ReconciliationEvent } from '../domain/reconciliation/reconciliation.events.js';

const TOPIC = 'staking.reconciliation.v1';

/** Whether payouts may rest on a chain's stakes, key = chain. */
export const reconciliationPublication: Publication = {
  name: 'reconciliation',
  topic: TOPIC,
  types: ['skein.staking.reconciliation.frozen.v1', 'skein.staking.reconciliation.thawed.v1'],
  map(recorded: RecordedEvent) {
    const event = recorded as Recorded<ReconciliationEvent>;
    const chain = `eip155:${event.data.chainId}`;
    const of = { event: recorded, topic: TOPIC, key: chain };
    const version = BigInt(event.version);
    if (event.type === 'skein.staking.reconciliation.thawed.v1')
      return publicMessage({ ...of, schema: ReconciliationThawedSchema, message: { chain, version, reason: event.data.reason } });
    const { asOf, rule, reason, differences } = event.data;
    return publicMessage({
      ...of,
      schema: ReconciliationFrozenSchema,
      message: {
        chain, version, rule, reason,
        asOf: { number: BigInt(asOf.number), hash: asOf.hash },
        differences: differences.map(({ total, readModel, contract }) => ({ total, readModelUnits: readModel.toString(), contractUnits: contract.toString() })),
      },
    });
  },
};
