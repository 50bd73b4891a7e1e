import { createHash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { BillingService } from '@skein/contracts/billing';
import { CreditService } from '@skein/contracts/billing/internal';
import { eventLogMigrations, loadTopics, publicMessage, sharedEventLog, type EventLog } from '@skein/messaging';
import { bootService, createGrpcClients, migrationsOf, parseSettings, type Client, type RunningService } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { billingService } from '../src/billing.service.js';

export const OPERATOR = 'op_0123456789abcdef0123456789abcdef';
const SERVICE_SECRET = 'a service token secret of the tests only';
const DOMAIN = 'skein.test';
const clock = { nowMs: () => Date.now() };

export const partner = privateKeyToAccount(`0x${'11'.repeat(32)}`);
export const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`);
export const walletOf = (account: PrivateKeyAccount): string => `eip155:31337:${account.address.toLowerCase()}`;
export const requestId = (index: number): string => `018f0000-0000-7000-8000-${String(index).padStart(12, '0')}`;

/** A wallet session as a client signs it. */
export async function session(account: PrivateKeyAccount, scopes = ['billing.manage', 'billing.read']): Promise<string> {
  const message = createSiweMessage({
    address: account.address, chainId: 31_337, domain: DOMAIN, nonce: 'abcdefgh12345678', uri: 'https://skein.test/', version: '1',
    issuedAt: new Date(clock.nowMs()), expirationTime: new Date(clock.nowMs() + 3_600_000), resources: scopes.map((scope) => `urn:skein:scope:${scope}`),
  });
  return `Bearer siwe.${Buffer.from(message).toString('base64url')}.${await account.signMessage({ message })}`;
}

export interface BillingStage {
  readonly service: RunningService;
  readonly database: TestDatabase;
  readonly log: EventLog;
  as(authorization?: string): Client<typeof BillingService>;
  readonly credit: Client<typeof CreditService>;
  rest(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<{ status: number; json: Record<string, unknown> }>;
  /** Publishes a message as another service's relay would. */
  publish<Desc extends DescMessage>(of: { topic: string; type: string; streamId: string; version: number; schema: Desc; message: MessageInitShape<Desc> }): Promise<void>;
  close(): Promise<void>;
}

/** Billing on a database and an event log of its own, with clients for its three faces. */
export async function billingStage(): Promise<BillingStage> {
  const [database, logDatabase] = await Promise.all([freshDatabase(...migrationsOf(billingService)), freshDatabase(eventLogMigrations)]);
  const log = sharedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  const settings = parseSettings(billingService, {
    DATABASE_URL: database.appUrl, SERVICE_TOKEN_SECRET: SERVICE_SECRET, OPERATOR_TOKEN_SHA256: createHash('sha256').update(OPERATOR).digest('hex'),
    HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'silent', SIGN_IN_DOMAIN: DOMAIN, HOLD_BACK_MS: '0',
  });
  const service = await bootService(billingService, 'all', settings, { log });
  const open: { close(): void }[] = [];
  const clients = (options: { authorization?: string; serviceTokenSecret?: string; peers?: Record<string, string> }) => {
    const made = createGrpcClients({ caller: 'marketplace', clock, bodyLimitBytes: 1 << 20, peers: {}, serviceTokenSecret: undefined, ...options });
    open.push(made);
    return made;
  };
  return {
    service, database, log,
    as: (authorization) => clients(authorization === undefined ? {} : { authorization }).client(BillingService, `127.0.0.1:${service.grpcPort}`),
    credit: clients({ serviceTokenSecret: SERVICE_SECRET, peers: { billing: `127.0.0.1:${service.internalGrpcPort}` } }).client(CreditService, 'billing'),
    rest: async (method, path, { body, headers = {} } = {}) => {
      const init = body === undefined ? { method, headers } : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
      const response = await fetch(`http://127.0.0.1:${service.http.port}${path}`, init);
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    },
    publish: async ({ topic, type, streamId, version, schema, message }) => {
      const metadata = { correlationId: 'correlation-of-the-test', actor: 'service:test' };
      const event = { streamId, version, position: BigInt(version), eventId: `${type}/${streamId}/${version}`, type, schemaVersion: 1, data: {}, metadata, recordedAtMs: 1 };
      await log.send([publicMessage({ event, topic, schema, message })]);
    },
    close: async () => {
      for (const client of open) client.close();
      await service.close();
      await log.close();
      await Promise.all([database.drop(), logDatabase.drop()]);
    },
  };
}
