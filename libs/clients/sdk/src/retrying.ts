import type { DescService } from '@bufbuild/protobuf';
import type { Client } from './grpc-client.js';
import { withRetry, type RetryOptions } from './retry.js';

/**
 * A client whose unary calls are repeated while the service cannot be reached. Commands carry their key in the request, so
 * a repeated one has one effect and the same answer. Streams are left alone: their caller knows where they stood.
 */
export function retryingClient<Service extends DescService>(service: Service, client: Client<Service>, options: RetryOptions): Client<Service> {
  const calls = client as Record<string, unknown>;
  return Object.fromEntries(
    service.methods.map((method) => {
      const call = calls[method.localName] as (...args: unknown[]) => Promise<unknown>;
      return [method.localName, method.methodKind === 'unary' ? (...args: unknown[]) => withRetry(() => call(...args), options) : call];
    }),
  ) as Client<Service>;
}
