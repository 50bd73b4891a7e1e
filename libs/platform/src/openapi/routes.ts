import type { FastifyInstance } from 'fastify';
import type { RouteTable } from '../rest/bindings.js';
import { openApiDocument } from './document.js';

/** Serves `/<context>/openapi.json`; the document is made when it is first asked for. */
export function addOpenApiRoutes(app: FastifyInstance, context: string, routes: RouteTable, artifacts: boolean): void {
  let text: string | undefined;
  app.get(`/${context}/openapi.json`, (_request, reply) => {
    text ??= JSON.stringify(openApiDocument({ context, bindings: routes.bindings, artifacts }));
    return reply.header('content-type', 'application/json').send(text);
  });
}
