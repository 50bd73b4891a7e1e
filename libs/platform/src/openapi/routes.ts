import type { FastifyInstance } from 'fastify';
import type { RouteTable } from '../rest/bindings.js';
import { openApiDocument } from './document.js';

/** Serves `/<context>/openapi.json`; the document is made when it is first asked for. */
export function addOpenApiRoutes(app: FastifyInstance, context: string, routes: RouteTable, artifacts: boolean): void {
  let text: Promise<string> | undefined;
  const make = async (): Promise<string> => {
    // Loaded only when somebody reads the document.
    const { comments } = await import('@skein/contracts/comments');
    return JSON.stringify(openApiDocument({ context, bindings: routes.bindings, artifacts, comments }));
  };
  app.get(`/${context}/openapi.json`, async (_request, reply) => reply.header('content-type', 'application/json').send(await (text ??= make())));
}
