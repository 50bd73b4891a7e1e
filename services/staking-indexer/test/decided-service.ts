import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { OutboxService, StakingService } from '@skein/contracts/staking';
import { formatAddressBook, type DeployOptions } from '@skein/contracts-evm';
import { EmbeddedEventLog, eventLogMigrations, loadTopics, sourceOf, type LogConsumer, type PublicMessage } from '@skein/messaging';
import { bootService, createGrpcClients, migrationsOf, parseSettings, type Client, type GrpcClients, type RunningService } from '@skein/platform';
import { createLogger } from '@skein/telemetry';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { expect } from 'vitest';
import { stakingIndexerService } from '../src/index.js';
import { OutboxNet, systemClock } from './outbox-net.js';

const SECRET = 'a service token secret of the tests only';
const OPERATOR = 'op_0123456789abcdef0123456789abcdef';
const PATIENCE = { timeoutMs: 55_000 };

/** The indexer with a signer on a devnet whose blocks come by themselves, and its neighbours: they only speak the public formats. */
export class DecidedService {
  readonly heard: PublicMessage[] = [];
  #told = 0;
  #consumer: LogConsumer | undefined;

  private constructor(
    readonly net: OutboxNet,
    readonly databases: readonly TestDatabase[],
    readonly log: EmbeddedEventLog,
    readonly service: RunningService,
    readonly clients: GrpcClients,
    readonly api: Client<typeof StakingService>,
    readonly outbox: Client<typeof OutboxService>,
  ) {}

  static async start(options: DeployOptions): Promise<DecidedService> {
    const net = await OutboxNet.start(options, 0.1);
    const databases = [await freshDatabase(...migrationsOf(stakingIndexerService)), await freshDatabase(eventLogMigrations)] as const;
    const log = new EmbeddedEventLog({ url: databases[1].appUrl });
    await log.createTopics(await loadTopics());
    const settings = parseSettings(stakingIndexerService, {
      DATABASE_URL: databases[0].appUrl, SERVICE_TOKEN_SECRET: SECRET, OPERATOR_TOKEN_SHA256: createHash('sha256').update(OPERATOR).digest('hex'),
      HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'error', CHAIN_SIGNER_KEY_FILE: net.keyFile,
      CHAIN_RPC_URL: net.anvil.rpcUrl, CHAIN_ID: String(net.book.chainId), CHAIN_CONTRACTS: formatAddressBook(net.book), CHAIN_POLL_MS: '50',
    });
    const service = await bootService(stakingIndexerService, 'all', settings, { log, logger: createLogger({ level: 'error', service: 'staking-indexer' }) });
    const clients = createGrpcClients({ caller: '', peers: {}, clock: systemClock, serviceTokenSecret: SECRET, bodyLimitBytes: 1 << 20, authorization: `Bearer ${OPERATOR}` });
    const at = `127.0.0.1:${service.grpcPort}`;
    const made = new DecidedService(net, databases, log, service, clients, clients.client(StakingService, at), clients.client(OutboxService, at));
    await made.#listen();
    return made;
  }

  async #listen(): Promise<void> {
    this.#consumer = await this.log.consume({
      group: 'test.deciders',
      topics: ['staking.position.v1'],
      onBatch: async ({ messages, resolve }) => {
        for (const message of messages) {
          this.heard.push(message);
          resolve(message);
        }
      },
    });
  }

  /** Tells a decision as a relay may: twice. */
  async tell<D extends DescMessage>(topic: string, type: string, schema: D, message: MessageInitShape<D>): Promise<void> {
    this.#told += 1;
    const id = `00000000-0000-8000-8000-${String(this.#told).padStart(12, '0')}`;
    const headers = { ce_specversion: '1.0', ce_id: id, ce_type: type, ce_source: sourceOf(topic), ce_correlationid: id };
    const sent = { topic, key: 'one', id, type, timeMs: 0, value: toBinary(schema, create(schema, message)), headers };
    await this.log.send([sent, sent]);
  }

  /** What other services have heard of one type. */
  told<D extends DescMessage>(type: string, schema: D): MessageShape<D>[] {
    return this.heard.filter((message) => message.type === type).map(({ value }) => fromBinary(schema, value));
  }

  caip(account: string): string {
    return `eip155:${this.net.book.chainId}:${account.toLowerCase()}`;
  }

  /** Waits until the outbox shows an intent so. */
  async intent(id: string, shown: { readonly status: string; readonly reason?: unknown }): Promise<void> {
    await eventually(async () => expect((await this.outbox.listIntents({ pageSize: 200 })).intents.find(({ intent }) => intent === id)).toMatchObject(shown), PATIENCE);
  }

  async close(): Promise<void> {
    await this.#consumer?.stop();
    this.clients.close();
    await this.service.close();
    await this.log.close();
    await Promise.all(this.databases.map((database) => database.drop()));
    await this.net.stop();
  }
}
