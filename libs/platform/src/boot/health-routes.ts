import { OPEN_METRICS_TYPE, wantsOpenMetrics } from '@skein/telemetry';
import type { FastifyInstance } from 'fastify';

/** What the health routes ask. */
export interface HealthSource {
  /** Names of what is dead. */
  dead(): readonly string[];
  /** Names of what is not ready. */
  notReady(): Promise<readonly string[]>;
  /** What holds parts back that do work. */
  notices(): readonly string[];
  metrics(openMetrics: boolean): Promise<string>;
}

/** Adds `/health/live`, `/health/ready` and `/metrics`. */
export function addHealthRoutes(app: FastifyInstance, service: string, source: HealthSource): void {
  app.get('/health/live', (_request, reply) => {
    const dead = source.dead();
    return reply.code(dead.length === 0 ? 200 : 503).send({ service, live: dead.length === 0, dead });
  });
  app.get('/health/ready', async (_request, reply) => {
    const waiting = await source.notReady();
    const notices = source.notices();
    return reply.code(waiting.length === 0 ? 200 : 503).send({ service, ready: waiting.length === 0, waiting, ...(notices.length === 0 ? {} : { notices }) });
  });
  app.get('/metrics', async (request, reply) => {
    const open = wantsOpenMetrics(request.headers.accept);
    return reply.header('content-type', open ? OPEN_METRICS_TYPE : 'text/plain; version=0.0.4; charset=utf-8').send(await source.metrics(open));
  });
}
