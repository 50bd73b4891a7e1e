import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescFile } from '@bufbuild/protobuf';
import type { Provider, Type } from '@nestjs/common';
import type { ArchivePolicy, Projection, Upcasters } from '@skein/events';
import type { ConsumerOptions, Publication } from '@skein/messaging';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { CallerRole } from './access.js';
import type { CallContext } from './call-context.js';
import type { Logger } from './logger.js';
import type { Role, ServiceName, Settings } from './settings.js';

/** Something that runs beside the API: projection, reactor, consumer, relay, job or timer worker. */
export interface Worker {
  readonly name: string;
  start(): Promise<void> | void;
  stop(): Promise<void>;
  /** False while it cannot do its work yet: fails readiness. */
  ready?(): boolean;
  /** What it waits for in a few words, where its name does not say it; `/health/ready` shows them to anybody. */
  waitsFor?(): string | undefined;
  /** What holds it back while it does work, in a few words: shown by `/health/ready`, which stays ready. */
  notice?(): string | undefined;
  /** Why it died, once it has: fails liveness. A rejected `start` counts too. */
  failure?(): Error | undefined;
}

/** What workers and foreign HTTP routes get: any provider by its token or class. */
export interface ServiceContext {
  readonly name: ServiceName;
  readonly settings: Settings;
  readonly logger: Logger;
  get<T>(token: symbol | string | Type<T>): T;
}

/** A call of a protocol that no proto of ours defines. */
export interface ForeignCall {
  /** For metrics and logs: `oip/infer`. */
  readonly name: string;
  readonly roles: readonly CallerRole[];
  readonly scope?: string;
  readonly command?: boolean;
  /** Default 30 000. */
  readonly timeoutMs?: number;
}

/**
 * Wraps handlers of foreign HTTP routes: authenticates, authorises, makes the call's context (its key is the
 * `Idempotency-Key` header, its hash covers method, path and body), counts it for draining. Refusals are thrown as
 * `RejectionError` for the protocol's own error format; what the route does not catch becomes a problem.
 */
export interface ForeignCalls {
  handle<T>(request: FastifyRequest, reply: FastifyReply, call: ForeignCall, work: (context: CallContext) => Promise<T>): Promise<T>;
}

/** A consumer group of the service: its handlers, and what a poisoned message does (`park` its key, or `stop` for money). */
export type ConsumerDefinition = Pick<ConsumerOptions, 'group' | 'handlers' | 'policy' | 'concurrency' | 'batchMax' | 'timing'>;

/** One instance of a workflow that has not come to its end. */
export interface OpenWorkflow {
  /** Names it to people: a resource name such as `tasks/{uuid}/epochs/3`. */
  readonly instance: string;
  /** A UUID in the ids of its durable timers and jobs, by which they are found. */
  readonly key: string;
  readonly openedAtMs: number;
}

/** Work that takes several steps and has deadlines. */
export interface WorkflowDefinition {
  readonly name: string;
  /** Open instances, the oldest first, at most `limit`. */
  open(limit: number): Promise<readonly OpenWorkflow[]>;
}

/** A service, as its `<service>.service.ts` declares it. */
export interface ServiceDefinition {
  readonly name: ServiceName;
  /** Files with the service's RPCs; packages `….internal.v1` are served on the internal port only. */
  readonly contexts: readonly DescFile[];
  /** Folders with numbered SQL, after the libraries' own. */
  readonly migrations: readonly URL[];
  /** zod object over environment names with the service's own settings; its output is `settings.own`. */
  readonly config?: z.ZodType<Record<string, unknown>>;
  /** Nest providers; constructors name their tokens by explicit `@Inject`. */
  readonly providers: readonly Provider[];
  /** Classes with `@Rpc` methods. */
  readonly apis: readonly Type[];
  /** Every read model of the service; each is kept up to date by a worker, and what `VerifyReadModels` rebuilds and compares. */
  readonly projections?: readonly Projection[];
  /** What the service tells others; one relay sends them all. */
  readonly publications?: readonly Publication[];
  /** What it hears from others; each is a worker, and what dead letters are driven through again. */
  readonly consumers?: (context: ServiceContext) => readonly ConsumerDefinition[];
  /** What an operator sees as stuck, and `workflow_oldest_open_seconds`. */
  readonly workflows?: (context: ServiceContext) => readonly WorkflowDefinition[];
  /** What runs besides: reactors, jobs, timers. */
  readonly workers?: (context: ServiceContext) => readonly Worker[];
  /** Serve `PUT|GET /<context>/v1/artifacts/{sha256}`. */
  readonly artifacts?: boolean;
  /** Routes of foreign protocols (OIP v2, OpenAI …) on the service's HTTP port. */
  readonly http?: (app: FastifyInstance, context: ServiceContext, calls: ForeignCalls) => void;
  /** Lifts of stored events to newer schema versions, for `EVENT_STORE`. */
  readonly upcasters?: Upcasters;
  /** Which streams are closed, and when their events move to the archive. Default: none ever. */
  readonly archive?: ArchivePolicy;
}

/** A service that runs in this process. */
export interface RunningService {
  readonly name: ServiceName;
  readonly role: Role;
  /** `handler` lets a front server dispatch by path without a proxy; `port` is undefined when it listens on none. */
  readonly http: { readonly port: number | undefined; readonly handler: (request: IncomingMessage, response: ServerResponse) => void };
  readonly grpcPort: number | undefined;
  readonly internalGrpcPort: number | undefined;
  /** Provider by token, as in `ServiceContext`. */
  get<T>(token: symbol | string | Type<T>): T;
  ready(): Promise<boolean>;
  /** Drains for at most 10 s, stops workers, closes ports and pools. Repeated calls are one. */
  close(): Promise<void>;
}
