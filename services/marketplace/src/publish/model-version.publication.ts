import { VersionRegisteredSchema } from '@skein/contracts/marketplace';
import type { RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import { versionName } from '../application/names.js';
import type { VersionRegistered } from '../domain/model/model.events.js';

const topic = 'marketplace.model-version.v1';

/** Versions with their lineage and owner shares. */
export const modelVersionPublication: Publication = {
  name: 'model-version',
  topic,
  types: ['skein.marketplace.model.version-registered.v1'],
  map: (event) => {
    const { data } = event as RecordedEvent<VersionRegistered>;
    const { lineage, sharesVersion, artifactSha256, developer } = data;
    const shares = data.shares.map((share) => ({ class: share.class, payee: share.payee, bps: share.bps }));
    const message = { version: versionName(data.model, data.version), artifactSha256, ...lineage, parents: [...lineage.parents], developer, shares, sharesVersion, registeredAtMs: BigInt(data.atMs) };
    return publicMessage({ event, topic, schema: VersionRegisteredSchema, message });
  },
};
