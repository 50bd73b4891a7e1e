import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import type { DeploymentEvent } from '../domain/deployment/deployment.events.js';
import type { ModelEvent } from '../domain/model/model.events.js';

async function apply(tx: Tx, event: Recorded<ModelEvent | DeploymentEvent>): Promise<void> {
  switch (event.type) {
    case 'skein.marketplace.model.version-registered.v1': {
      const { model, version, registrant, artifactSha256, lineage, developer, atMs } = event.data;
      await tx.query('INSERT INTO model (model, owner, latest_version) VALUES ($1, $2, $3) ON CONFLICT (model) DO UPDATE SET latest_version = excluded.latest_version', [model, registrant, version]);
      await tx.query('INSERT INTO version (model, version, artifact_sha256, arena_task, federated_task, developer, registered_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)', [
        model, version, artifactSha256, lineage.arenaTask, lineage.federatedTask, developer, atMs,
      ]);
      return;
    }
    case 'skein.marketplace.deployment.price-changed.v1': {
      const { model, version, priceVersion, unitPriceE15, multiplier, complexity, measures, window, atMs } = event.data;
      await tx.query(
        `INSERT INTO price (model, price_version, version, unit_price_e15, multiplier, complexity, cpu_us, calls_used, window_from_ms, window_to_ms, effective_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
        [model, priceVersion, version, String(unitPriceE15), String(multiplier), String(complexity), measures.cpuUs, window?.callsUsed ?? 0, window?.fromMs ?? 0, window?.toMs ?? 0, atMs],
      );
      return;
    }
    default:
      return;
  }
}

/** Models, versions and every price they ever had. */
export const catalogueProjection: Projection = {
  name: 'catalogue',
  version: 1,
  tables: `
CREATE TABLE model (model text PRIMARY KEY, owner text NOT NULL, latest_version int NOT NULL);
CREATE TABLE version (
  model text NOT NULL, version int NOT NULL, artifact_sha256 text NOT NULL, arena_task text NOT NULL, federated_task text NOT NULL,
  developer text NOT NULL, registered_at_ms bigint NOT NULL, PRIMARY KEY (model, version)
);
CREATE TABLE price (
  model text NOT NULL, price_version int NOT NULL, version int NOT NULL, unit_price_e15 numeric NOT NULL, multiplier bigint NOT NULL, complexity numeric NOT NULL,
  cpu_us bigint NOT NULL, calls_used bigint NOT NULL, window_from_ms bigint NOT NULL, window_to_ms bigint NOT NULL, effective_at_ms bigint NOT NULL,
  PRIMARY KEY (model, price_version)
);`,
  types: ['skein.marketplace.model.version-registered.v1', 'skein.marketplace.deployment.price-changed.v1'],
  apply: (tx, event: RecordedEvent) => apply(tx, event as Recorded<ModelEvent | DeploymentEvent>),
};
