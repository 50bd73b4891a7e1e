import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary, type DescMessage, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import { ArenaInternalService, file_skein_arena_internal_v1_service, type GrantEvaluationRequest } from '@skein/contracts/arena/internal';
import { RejectionError, unwrap, uuidV8From } from '@skein/kernel';
import { EmbeddedEventLog, eventLogMigrations, type EventLog, HEADER, type ReceivedMessage } from '@skein/messaging';
import { ARTIFACTS, bootService, type CallContext, type Client, createGrpcClients, migrationsOf, parseSettings, Rpc, type RunningService, type ServiceDefinition } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { validationService } from '../src/index.js';

export const OPERATOR_TOKEN = 'op_0123456789abcdef0123456789abcdef';
const SERVICE_SECRET = 'a service token secret of the tests only';
const CREATOR = 'eip155:31337:0xcccccccccccccccccccccccccccccccccccccccc';
const sha256 = (value: string | Uint8Array): string => createHash('sha256').update(value).digest('hex');

/** What the arena's grants are made of in these tests: the artifacts of a submission, by its name. */
export const submitted = new Map<string, { artifactSha256: string; dataSetSha256: string }>();

/** While true the arena gives no new grants, as after a scoring's end. */
export const scoringOver = { value: false };

/** Trace contexts of the calls that the arena got. */
export const traces: (string | undefined)[] = [];

/** The arena as validation sees it: grants, and artifacts read by grant. Services never import each other, not even in tests. */
@Injectable()
class ArenaPeer {
  readonly #artifacts: ArtifactStore;
  constructor(@Inject(ARTIFACTS) artifacts: ArtifactStore) {
    this.#artifacts = artifacts;
  }

  @Rpc(ArenaInternalService.method.grantEvaluation)
  async grantEvaluation({ submission, validator, expiresAtMs }: GrantEvaluationRequest, call: CallContext): Promise<{ artifactSha256: string; dataSetSha256: string }> {
    traces.push(call.traceparent);
    if (scoringOver.value) throw new RejectionError({ code: 'failed-precondition', rule: 'scoring-not-running', message: 'this scoring does not run', field: 'scoring_id' });
    const files = submitted.get(submission)!;
    for (const sha of [files.artifactSha256, files.dataSetSha256])
      unwrap(await this.#artifacts.grant({ sha256: sha, reader: validator === '' ? 'service:validation' : validator, purpose: 'evaluation', grantedBy: CREATOR, expiresAtMs: Number(expiresAtMs) }));
    return files;
  }
}

const arenaPeer: ServiceDefinition = { name: 'arena', contexts: [file_skein_arena_internal_v1_service], migrations: [], providers: [], apis: [ArenaPeer], artifacts: true };

/** A validator's wallet, the same in every run. */
export const accountOf = (number: number): PrivateKeyAccount => privateKeyToAccount(`0x${String(number).repeat(64)}`);
export const walletOf = (account: PrivateKeyAccount): string => `eip155:31337:${account.address.toLowerCase()}`;

/** A session that lasts longer than any test. */
async function sessionOf(account: PrivateKeyAccount, nowMs: number, scopes: readonly string[]): Promise<string> {
  const resources = scopes.map((scope) => `urn:skein:scope:${scope}`);
  const message = createSiweMessage({ address: account.address, chainId: 31_337, domain: 'skein.test', nonce: 'abcdefgh12345678', uri: 'https://skein.test/', version: '1', issuedAt: new Date(nowMs), expirationTime: new Date(nowMs + 3_600_000), resources });
  return `Bearer siwe.${Buffer.from(message).toString('base64url')}.${await account.signMessage({ message })}`;
}

/** Validation on embedded parts, with the arena as a peer. */
export interface Stage {
  readonly validation: RunningService;
  readonly database: TestDatabase;
  readonly logDatabase: TestDatabase;
  readonly log: EventLog;
  /** Messages published on validation.verdict.v1. */
  readonly verdicts: ReceivedMessage[];
  /** Correlation ids of what `publish` has sent. */
  readonly published: string[];
  nowMs(): Promise<number>;
  putArtifact(bytes: Uint8Array): Promise<string>;
  publish<Desc extends DescMessage>(type: string, key: string, schema: Desc, message: MessageInitShape<Desc>): Promise<void>;
  client<S extends DescService>(service: S, who?: PrivateKeyAccount | 'operator', scopes?: readonly string[]): Promise<Client<S>>;
  /** Stops the service and starts it again over the same database. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function stage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'skein-validation-'));
  const [logDatabase, database, arenaDatabase] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(...migrationsOf(validationService)), freshDatabase(...migrationsOf(arenaPeer))]);
  const log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(['arena.task.v1', 'validation.verdict.v1'].map((topic) => ({ topic, partitions: 2, retention: 'infinite' as const })));
  const common = { SERVICE_TOKEN_SECRET: SERVICE_SECRET, OPERATOR_TOKEN_SHA256: sha256(OPERATOR_TOKEN), HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'silent', SIGN_IN_DOMAIN: 'skein.test', BEACON_SEED: 'test' };
  const arena = await bootService(arenaPeer, 'all', parseSettings(arenaPeer, { ...common, DATABASE_URL: arenaDatabase.appUrl, ARTIFACTS_DIR: folder }), { log });
  const settings = parseSettings(validationService, { ...common, DATABASE_URL: database.appUrl, PEERS_ARENA: `127.0.0.1:${arena.internalGrpcPort}` });
  let validation = await bootService(validationService, 'all', settings, { log });
  const verdicts: ReceivedMessage[] = [];
  await log.consume({ group: 'test', topics: ['validation.verdict.v1'], onBatch: async ({ messages, resolve }) => messages.forEach((message) => (verdicts.push(message), resolve(message))) });
  const clients: { close(): void }[] = [];
  const nowMs = async (): Promise<number> => Number((await database.appPool.query<{ now: string }>('SELECT es_now_ms() AS now')).rows[0]!.now);
  const published: string[] = [];
  return {
    get validation() {
      return validation;
    },
    restart: async () => {
      await validation.close();
      validation = await bootService(validationService, 'all', settings, { log });
    },
    database, logDatabase, log, verdicts, published, nowMs,
    putArtifact: async (bytes) => unwrap(await arena.get<ArtifactStore>(ARTIFACTS).put({ owner: CREATOR, bytes })).sha256,
    publish: async (type, key, schema, message) => {
      const id = uuidV8From('test', type, published.length);
      published.push(id);
      const headers = { [HEADER.specVersion]: '1.0', [HEADER.id]: id, [HEADER.type]: type, [HEADER.source]: '/skein/arena/task/v1', [HEADER.subject]: key, [HEADER.streamVersion]: String(published.length), [HEADER.position]: String(published.length), [HEADER.correlationId]: id, [HEADER.traceparent]: `00-${'7'.repeat(32)}-${'8'.repeat(16)}-01` };
      await log.send([{ topic: 'arena.task.v1', key, id, type, timeMs: 1, value: toBinary(schema, create(schema, message)), headers }]);
    },
    client: async (service, who, scopes = ['validation.score']) => {
      const authorization = who === undefined ? {} : { authorization: who === 'operator' ? `Bearer ${OPERATOR_TOKEN}` : await sessionOf(who, await nowMs(), scopes) };
      const made = createGrpcClients({ caller: '', serviceTokenSecret: undefined, peers: {}, clock: { nowMs: () => 0 }, bodyLimitBytes: 1_000_000, ...authorization });
      clients.push(made);
      return made.client(service, `127.0.0.1:${validation.grpcPort}`);
    },
    close: async () => {
      for (const made of clients) made.close();
      await validation.close();
      await arena.close();
      await log.close();
      await Promise.all([database.drop(), arenaDatabase.drop(), logDatabase.drop()]);
      await rm(folder, { recursive: true });
    },
  };
}

/** The Pima data set with labels as numbers, as tasks have them. */
export async function pimaCsv(): Promise<string> {
  const text = await readFile(new URL('./data/pima-diabetes.csv', import.meta.url), 'utf8');
  return text.replaceAll(',pos', ',1').replaceAll(',neg', ',0');
}
