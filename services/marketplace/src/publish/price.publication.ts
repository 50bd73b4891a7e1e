import { PriceChangedSchema } from '@skein/contracts/marketplace';
import type { RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import { versionName } from '../application/names.js';
import type { PriceChanged } from '../domain/deployment/deployment.events.js';

const topic = 'marketplace.price.v1';

/** Every price with its inputs. */
export const pricePublication: Publication = {
  name: 'price',
  topic,
  types: ['skein.marketplace.deployment.price-changed.v1'],
  map: (event) => {
    const { data } = event as RecordedEvent<PriceChanged>;
    const { fromMs = 0, toMs = 0, callsUsed = 0, callsTarget = 0 } = data.window ?? {};
    const message = {
      model: `models/${data.model}`, version: versionName(data.model, data.version), priceVersion: data.priceVersion, unitPriceE15: String(data.unitPriceE15),
      multiplier: data.multiplier, complexity: String(data.complexity), callsUsed: BigInt(callsUsed), callsTarget: BigInt(callsTarget),
      windowFromMs: BigInt(fromMs), windowToMs: BigInt(toMs), effectiveAtMs: BigInt(data.atMs),
    };
    return publicMessage({ event, topic, schema: PriceChangedSchema, message });
  },
};
