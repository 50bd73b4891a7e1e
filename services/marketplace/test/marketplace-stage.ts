import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescMessage, DescService, MessageInitShape } from '@bufbuild/protobuf';
import type { ArtifactStore } from '@skein/artifacts';
import { file_skein_billing_internal_v1_service } from '@skein/contracts/billing/internal';
import { sha256Hex, unwrap } from '@skein/kernel';
import { eventLogMigrations, loadTopics, publicMessage, sharedEventLog, type EventLog } from '@skein/messaging';
import { perceptronOnnx } from '@skein/models';
import { ARTIFACTS, bootService, createGrpcClients, migrationsOf, parseSettings, type Client, type RunningService, type ServiceDefinition } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { marketplaceService } from '../src/marketplace.service.js';
import { FakeCredit } from './fake-credit.js';

const SERVICE_SECRET = 'a service token secret of the tests only';
const clock = { nowMs: () => Date.now() };

export const OPERATOR = 'op_0123456789abcdef0123456789abcdef';
export const developer = privateKeyToAccount(`0x${'11'.repeat(32)}`);
export const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`);
export const walletOf = (account: PrivateKeyAccount): string => `eip155:31337:${account.address.toLowerCase()}`;
export const requestId = (index: number): string => `018f0000-0000-7000-8000-${String(index).padStart(12, '0')}`;

/** Logistic regression over two features: scores = sigmoid(x₁ − x₂). */
export const model = perceptronOnnx({ layers: [{ inputs: 2, outputs: 1, weights: [1, -1], bias: [0] }], output: 'sigmoid' });
export const modelSha256 = sha256Hex(model);

export async function session(account: PrivateKeyAccount, scopes = ['marketplace.publish']): Promise<string> {
  const message = createSiweMessage({
    address: account.address, chainId: 31_337, domain: 'skein.test', nonce: 'abcdefgh12345678', uri: 'https://skein.test/', version: '1',
    issuedAt: new Date(clock.nowMs()), expirationTime: new Date(clock.nowMs() + 3_600_000), resources: scopes.map((scope) => `urn:skein:scope:${scope}`),
  });
  return `Bearer siwe.${Buffer.from(message).toString('base64url')}.${await account.signMessage({ message })}`;
}

interface Published<Desc extends DescMessage> {
  topic: string;
  type: string;
  streamId: string;
  version: number;
  schema: Desc;
  message: MessageInitShape<Desc>;
}

/** Everything around the marketplace: its database, an event log, a stand-in of billing, a federation's artifacts. */
export interface Surroundings {
  readonly database: TestDatabase;
  readonly log: EventLog;
  readonly credit: FakeCredit;
  /** What a marketplace has to be told. */
  readonly environment: Readonly<Record<string, string>>;
  publish<Desc extends DescMessage>(of: Published<Desc>): Promise<void>;
  close(): Promise<void>;
}

export interface MarketplaceStage extends Surroundings {
  readonly service: RunningService;
  readonly url: string;
  as<Service extends DescService>(service: Service, authorization?: string): Client<Service>;
}

const common = {
  SERVICE_TOKEN_SECRET: SERVICE_SECRET, OPERATOR_TOKEN_SHA256: createHash('sha256').update(OPERATOR).digest('hex'),
  HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'silent', SIGN_IN_DOMAIN: 'skein.test',
};

const neighbour = (name: 'billing' | 'fl-aggregator', more: Partial<ServiceDefinition>): ServiceDefinition => ({ name, contexts: [], migrations: [], providers: [], apis: [], ...more });

export async function surroundings(): Promise<Surroundings> {
  const dir = await mkdtemp(join(tmpdir(), 'skein-marketplace-'));
  const billing = neighbour('billing', { contexts: [file_skein_billing_internal_v1_service], apis: [FakeCredit] });
  const federation = neighbour('fl-aggregator', { artifacts: true });
  const [own, neighbours, logDatabase] = await Promise.all([freshDatabase(...migrationsOf(marketplaceService)), freshDatabase(...migrationsOf(federation)), freshDatabase(eventLogMigrations)]);
  const log = sharedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  const credits = await bootService(billing, 'api', parseSettings(billing, { ...common, DATABASE_URL: neighbours.appUrl }), { log });
  const files = await bootService(federation, 'api', parseSettings(federation, { ...common, DATABASE_URL: neighbours.appUrl, ARTIFACTS_DIR: dir }), { log });
  const artifacts = files.get<ArtifactStore>(ARTIFACTS);
  unwrap(await artifacts.put({ owner: 'service:fl-aggregator', bytes: model }));
  unwrap(await artifacts.grant({ sha256: modelSha256, reader: 'service:marketplace', purpose: 'serving', grantedBy: 'service:fl-aggregator' }));
  return {
    database: own,
    log,
    credit: credits.get(FakeCredit),
    environment: {
      ...common, DATABASE_URL: own.appUrl, MIGRATION_DATABASE_URL: own.ownerUrl, EVENT_LOG_URL: logDatabase.appUrl, ARTIFACTS_DIR: dir, CALL_LEASE_MS: '1000', BODY_LIMIT_BYTES: '65536',
      PEERS_BILLING: `127.0.0.1:${credits.internalGrpcPort}`, PEERS_FL_AGGREGATOR: `127.0.0.1:${files.internalGrpcPort}`,
    },
    publish: async ({ topic, type, streamId, version, schema, message }) => {
      const metadata = { correlationId: 'correlation-of-the-test', actor: 'service:test' };
      const event = { streamId, version, position: BigInt(version), eventId: `${type}/${streamId}/${version}`, type, schemaVersion: 1, data: {}, metadata, recordedAtMs: 1 };
      await log.send([publicMessage({ event, topic, schema, message })]);
    },
    close: async () => {
      await Promise.all([credits.close(), files.close()]);
      await log.close();
      await Promise.all([own.drop(), neighbours.drop(), logDatabase.drop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A client of a running marketplace, and how to close it. */
export function client<Service extends DescService>(definition: Service, address: string, authorization?: string): { client: Client<Service>; close(): void } {
  const made = createGrpcClients({ caller: '', clock, bodyLimitBytes: 1 << 20, peers: {}, serviceTokenSecret: undefined, ...(authorization === undefined ? {} : { authorization }) });
  return { client: made.client(definition, address), close: () => made.close() };
}

/** The marketplace in this process. */
export async function marketplaceStage(): Promise<MarketplaceStage> {
  const around = await surroundings();
  const service = await bootService(marketplaceService, 'all', parseSettings(marketplaceService, around.environment), { log: around.log });
  const open: { close(): void }[] = [];
  return {
    ...around,
    service,
    url: `http://127.0.0.1:${service.http.port}`,
    as: (definition, authorization) => {
      const made = client(definition, `127.0.0.1:${service.grpcPort}`, authorization);
      open.push(made);
      return made.client;
    },
    close: async () => {
      for (const each of open) each.close();
      await service.close();
      await around.close();
    },
  };
}
