import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import type { DescService } from '@bufbuild/protobuf';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Server } from '@grpc/grpc-js';
import type { ArtifactStore } from '@skein/artifacts';
import { ArtifactService } from '@skein/contracts/artifacts';
import { OperationsService } from '@skein/contracts/operations';
import { ArtifactInternalService } from '@skein/contracts/artifacts/internal';
import { startTracing } from '@skein/telemetry';
import type { FastifyInstance } from 'fastify';
import { isInternal } from '../access.js';
import { Admission } from '../admission/admission.js';
import type { ApiKeyDirectory } from '../api-keys.js';
import { ArtifactApi } from '../artifacts/artifact-api.js';
import { addArtifactRoutes } from '../artifacts/artifact-routes.js';
import { Authenticator, type Surface } from '../auth/authenticator.js';
import { Dispatcher, stopping } from '../dispatch/dispatcher.js';
import { processEnvironment } from '../config.js';
import { answerProblem } from '../errors/answer-problem.js';
import { addHealth } from '../grpc/health.js';
import { grpcServer, listenGrpc, stopGrpc } from '../grpc/grpc-server.js';
import { rpcMetrics } from '../metrics.js';
import { addOpenApiRoutes } from '../openapi/routes.js';
import { operationsApis } from '../operations/apis.js';
import { RouteTable } from '../rest/bindings.js';
import { foreignCalls } from '../rest/foreign-calls.js';
import { addRestRoutes, createHttpApp } from '../rest/rest-server.js';
import type { RunningService, ServiceContext, ServiceDefinition } from '../service-definition.js';
import type { Role, Settings } from '../settings.js';
import { API_KEYS, ARTIFACTS } from '../tokens.js';
import { observeHttp } from '../tracing/http.js';
import type { Adapters } from './adapters.js';
import { declaredWorkers } from './declared-workers.js';
import { addHealthRoutes } from './health-routes.js';
import { portTaken } from './ports.js';
import { makeParts, platformProviders, type Parts } from './providers.js';
import { assertReadable, unreadable } from './stored-events.js';
import { Supervisor } from './supervisor.js';
import { platformVersion } from './version.js';

/** What a stop may take beyond draining: whatever hangs is left to the end of the process. */
const STOP_BEYOND_MS = 1_500;
/** From closing the ports to refusing calls: as long as a caller may need to notice. */
const GOODBYE_MS = 250;

class RootModule {}

/** Optional provider by token. */
function find<T>(app: INestApplicationContext, token: symbol): T | undefined {
  try {
    return app.get<T>(token, { strict: false });
  } catch {
    return undefined;
  }
}

const servicesOf = (definition: ServiceDefinition): readonly DescService[] => [
  ...definition.contexts.flatMap((file) => file.services),
  OperationsService,
  ...(definition.artifacts === true ? [ArtifactService, ArtifactInternalService] : []),
];

/** First segment of the service's REST paths: the context of its protos. */
export function contextOf(definition: ServiceDefinition): string {
  const packages = definition.contexts.map((file) => /^skein\.([a-z]+)\.v\d+$/.exec(file.proto.package)?.[1]);
  return packages.find((name) => name !== undefined) ?? definition.name;
}

class Running implements RunningService {
  readonly name: RunningService['name'];
  readonly role: Role;
  httpPort: number | undefined;
  grpcPort: number | undefined;
  internalGrpcPort: number | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;
  #lastProbe: { readonly atMs: number; readonly answer: Promise<readonly string[]> } | undefined;
  readonly #grpc: Server[] = [];

  constructor(
    readonly definition: ServiceDefinition,
    role: Role,
    readonly settings: Settings,
    readonly adapters: Adapters,
    readonly parts: Parts,
    readonly nest: INestApplicationContext,
    readonly http_: FastifyInstance,
    readonly dispatcher: Dispatcher | undefined,
    readonly supervisor: Supervisor,
  ) {
    this.name = definition.name;
    this.role = role;
  }

  get http(): RunningService['http'] {
    return { port: this.httpPort, handler: (request, response) => (this.#closed ? answerProblem(request, response, stopping()) : this.http_.routing(request, response)) };
  }

  get<T>(token: symbol | string | Type<T>): T {
    return this.nest.get<T>(token, { strict: false });
  }

  async listen(): Promise<void> {
    const { settings, adapters, dispatcher } = this;
    const { host } = settings;
    if (dispatcher !== undefined) {
      const port = (surface: Surface) => this.#listenGrpc(surface, dispatcher);
      this.grpcPort = await port('public');
      this.internalGrpcPort = await port('internal');
    }
    await this.http_.ready();
    if (adapters.frontPort === true) return;
    try {
      await this.http_.listen({ host, port: settings.httpPort });
    } catch (error) {
      throw error instanceof Error ? portTaken(error, host, settings.httpPort, 'HTTP_PORT') : error;
    }
    const bound = this.http_.server.address();
    this.httpPort = typeof bound === 'object' && bound !== null ? bound.port : undefined;
  }

  async #listenGrpc(surface: Surface, dispatcher: Dispatcher): Promise<number> {
    const { settings } = this;
    const services = servicesOf(this.definition).filter((service) => isInternal(service) === (surface === 'internal'));
    const server = grpcServer({ surface, services, dispatcher, bodyLimitBytes: settings.bodyLimitBytes, defaultTimeoutMs: settings.callTimeoutMs, tracer: this.parts.tracing.tracer });
    addHealth(server, services.map(({ typeName }) => typeName), () => this.#closing === undefined && this.supervisor.dead().length === 0);
    this.#grpc.push(server);
    return surface === 'public' ? listenGrpc(server, settings.host, settings.grpcPort, 'GRPC_PORT') : listenGrpc(server, settings.host, settings.internalGrpcPort, 'INTERNAL_GRPC_PORT');
  }

  async ready(): Promise<boolean> {
    return (await this.notReady()).length === 0;
  }

  /** Names of what keeps the service from its work. The database is asked at most once a second. */
  async notReady(): Promise<readonly string[]> {
    const nowMs = performance.now();
    if (this.#lastProbe === undefined || nowMs - this.#lastProbe.atMs > 1_000) this.#lastProbe = { atMs: nowMs, answer: unreadable(this.parts) };
    const unread = await this.#lastProbe.answer;
    return [...(this.#closing === undefined ? [] : ['stopping']), ...unread, ...this.supervisor.waiting()];
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const drainMs = this.adapters.drainMs ?? this.settings.drainMs;
    const cut = Promise.withResolvers<void>();
    const timer = setTimeout(() => cut.resolve(), drainMs + STOP_BEYOND_MS);
    const workers = this.supervisor.stop();
    // Ports of its own close first: callers are told to go elsewhere while what they have sent already is still answered.
    const grpc = Promise.all(this.#grpc.map((server) => stopGrpc(server, drainMs + 500)));
    const http = this.httpPort === undefined ? undefined : this.#closeHttp(drainMs);
    if (this.dispatcher !== undefined && this.httpPort !== undefined) await Promise.race([delay(Math.min(GOODBYE_MS, drainMs)), Promise.all([grpc, http])]);
    await Promise.race([Promise.all([workers, grpc, this.dispatcher?.drain(drainMs)]), cut.promise]);
    await Promise.race([http ?? this.#closeHttp(200), cut.promise]);
    this.#closed = true;
    await Promise.race([this.nest.close(), cut.promise]);
    await Promise.race([this.parts.close(), cut.promise]);
    clearTimeout(timer);
  }

  /** Uploads and downloads of artifacts may use what is left of the time; then their connections are cut. */
  async #closeHttp(timeoutMs: number): Promise<void> {
    const { server } = this.http_;
    const late = setTimeout(() => server.closeAllConnections(), timeoutMs);
    // A connection whose call was under way stays open after the answer, for a next call that shall not come.
    const answered = setInterval(() => server.closeIdleConnections(), 50);
    await this.http_.close();
    clearInterval(answered);
    clearTimeout(late);
  }
}

function makeAuthenticator(definition: ServiceDefinition, settings: Settings, parts: Parts, nest: INestApplicationContext, admission: Admission): Authenticator {
  return new Authenticator({
    service: definition.name,
    clock: parts.clock,
    domain: settings.signInDomain,
    chainId: settings.chainId,
    serviceTokenSecret: settings.serviceTokenSecret,
    operatorTokenSha256: settings.operatorTokenSha256,
    apiKeys: find<ApiKeyDirectory>(nest, API_KEYS),
    checks: (address, signal, check) => admission.checked(address, signal, check),
  });
}

/** Handlers, REST, OpenAPI, artifacts and foreign routes of the `api` role. */
function serveApi(definition: ServiceDefinition, settings: Settings, parts: Parts, nest: INestApplicationContext, http: FastifyInstance, context: ServiceContext): Dispatcher {
  const admission = new Admission(definition.name, settings.limits, parts.metrics.meter);
  const authenticator = makeAuthenticator(definition, settings, parts, nest, admission);
  const store = definition.artifacts === true ? find<ArtifactStore>(nest, ARTIFACTS) : undefined;
  if (definition.artifacts === true && store === undefined) throw new Error(`${definition.name} keeps artifacts: set ARTIFACTS_DIR`);
  const apis: object[] = definition.apis.map((api) => nest.get<object>(api, { strict: false }));
  if (store !== undefined) apis.push(new ArtifactApi(store, settings.artifactLimitBytes));
  apis.push(...operationsApis(definition, context, parts));
  const dispatcher = new Dispatcher({ apis, authenticator, logger: parts.logger, metrics: rpcMetrics(parts.metrics.meter), admission });
  const services = servicesOf(definition);
  const missing = services.flatMap((service) => service.methods).filter((method) => !dispatcher.handles(method));
  if (missing.length > 0) parts.logger.warn({ rpcs: missing.map((method) => `${method.parent.name}/${method.name}`) }, 'declared RPCs without a handler answer "unimplemented"');
  const routes = new RouteTable(services.filter((service) => !isInternal(service)));
  addRestRoutes(http, { routes, dispatcher, bodyLimitBytes: settings.bodyLimitBytes, defaultTimeoutMs: settings.callTimeoutMs });
  addOpenApiRoutes(http, contextOf(definition), routes, definition.artifacts === true);
  if (store !== undefined) addArtifactRoutes(http, { context: contextOf(definition), store, authenticator, admission, sizeBytesMax: settings.artifactLimitBytes });
  definition.http?.(http, context, foreignCalls(dispatcher, settings.callTimeoutMs));
  return dispatcher;
}

/**
 * Starts a service in this process: Nest wiring, gRPC on two ports, REST, OpenAPI, health, metrics (`api`, `all`) and its
 * workers (`worker`, `all`). The database must be migrated. Throws with a clear sentence when a port is taken.
 */
export async function bootService(definition: ServiceDefinition, role: Exclude<Role, 'migrate'>, settings: Settings, adapters: Adapters = {}): Promise<RunningService> {
  const tracing = await startTracing(definition.name, { environment: processEnvironment(), version: platformVersion() });
  const parts = makeParts(definition, settings, adapters, tracing);
  let running: Running | undefined;
  try {
    await assertReadable(parts);
    await parts.clock.start();
    const providers = [...platformProviders(parts, settings), ...definition.providers, ...definition.apis];
    const nest = await NestFactory.createApplicationContext({ module: RootModule, providers }, { logger: false, abortOnError: false });
    const context: ServiceContext = { name: definition.name, settings, logger: parts.logger, get: (token) => nest.get(token, { strict: false }) };
    const http = createHttpApp(settings.bodyLimitBytes, settings.limits);
    observeHttp(http, { tracer: tracing.tracer, meter: parts.metrics.meter, logger: parts.logger });
    const workers = role === 'api' ? [] : declaredWorkers(definition, context, parts);
    const supervisor = new Supervisor(workers, parts.logger);
    const dispatcher = role === 'worker' ? undefined : serveApi(definition, settings, parts, nest, http, context);
    running = new Running(definition, role, settings, adapters, parts, nest, http, dispatcher, supervisor);
    const made = running;
    addHealthRoutes(http, definition.name, { dead: () => supervisor.dead(), notReady: () => made.notReady(), notices: () => supervisor.notices(), metrics: (open) => parts.metrics.render(open) });
    await running.listen();
    const missing = await supervisor.start();
    if (missing !== undefined && adapters.strict === true) throw missing;
    if (definition.artifacts === true && role !== 'worker') await parts.sweep();
    parts.logger.info({ role, http: running.httpPort, grpc: running.grpcPort, internalGrpc: running.internalGrpcPort }, 'started');
    return running;
  } catch (error) {
    await (running?.close() ?? parts.close());
    throw error;
  }
}
