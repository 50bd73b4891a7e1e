import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, DescMethodBiDiStreaming, DescMethodClientStreaming, DescMethodServerStreaming, DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { impatient } from '@skein/contracts/grpc';
import { toSkeinError } from './errors.js';

/** What a single call may add: its own deadline in milliseconds from now, and a signal that cancels it. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Headers of this call beside the channel's, for example `idempotency-key` where the request has no field for it. */
  readonly headers?: Record<string, string>;
}

/** Promise client of a proto service, one function per RPC; streams are async iterables. */
export type Client<Service extends DescService> = {
  [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : Service['method'][Name] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : Service['method'][Name] extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : Service['method'][Name] extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
          : never;
};

/** One address, many services: a lazily connected channel with the caller's credentials. */
export interface ChannelOptions {
  /** `host:port` of a service's public gRPC port. */
  readonly address: string;
  /** Headers of every call, asked for before each one (a session may be renewed in between). */
  readonly headers?: () => Record<string, string>;
  /** Deadline of a call that names none. */
  readonly timeoutMs?: number;
}

type Codec = { path: string; serialize: (value: object) => Buffer; deserialize: (bytes: Buffer) => object };

function codec(service: DescService, method: DescService['methods'][number]): Codec {
  const encode = (schema: DescMessage) => (value: object) => Buffer.from(toBinary(schema, create(schema, value as MessageInitShape<DescMessage>)));
  return { path: `/${service.typeName}/${method.name}`, serialize: encode(method.input), deserialize: (bytes) => fromBinary(method.output, bytes) };
}

/** Makes the promise client of `service`. Failures are thrown as `SkeinError` with the server's field and rule. */
export function createClient<Service extends DescService>(service: Service, channel: ChannelOptions): Client<Service> & { close(): void } {
  const raw = new grpc.Client(channel.address, impatient(grpc.credentials.createInsecure()), { 'grpc.max_receive_message_length': 32 << 20, 'grpc.max_send_message_length': 32 << 20, 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1000, 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5_000 });
  const client: Record<string, unknown> = { close: () => raw.close() };
  for (const method of service.methods) client[method.localName] = caller(raw, method.methodKind, codec(service, method), channel);
  return client as Client<Service> & { close(): void };
}

function metadata(channel: ChannelOptions, options?: CallOptions): grpc.Metadata {
  const headers = new grpc.Metadata();
  for (const [name, value] of Object.entries({ ...channel.headers?.(), ...options?.headers })) headers.set(name, value);
  return headers;
}

const callOptions = (channel: ChannelOptions, options?: CallOptions): grpc.CallOptions => ({ deadline: Date.now() + (options?.timeoutMs ?? channel.timeoutMs ?? 20_000) });

function caller(raw: grpc.Client, kind: string, { path, serialize, deserialize }: Codec, channel: ChannelOptions) {
  if (kind === 'unary')
    return (request: object, options?: CallOptions) =>
      new Promise((resolve, reject) => {
        const call = raw.makeUnaryRequest(path, serialize, deserialize, request, metadata(channel, options), callOptions(channel, options), (error, value) => (error ? reject(toSkeinError(error)) : resolve(value)));
        options?.signal?.addEventListener('abort', () => call.cancel(), { once: true });
      });
  if (kind === 'server_streaming')
    return (request: object, options?: CallOptions) => iterate(raw.makeServerStreamRequest(path, serialize, deserialize, request, metadata(channel, options), { ...(options?.timeoutMs ? callOptions(channel, options) : {}) }), options);
  if (kind === 'client_streaming')
    return (requests: AsyncIterable<object>, options?: CallOptions) =>
      new Promise((resolve, reject) => {
        const call = raw.makeClientStreamRequest(path, serialize, deserialize, metadata(channel, options), callOptions(channel, options), (error, value) => (error ? reject(toSkeinError(error)) : resolve(value)));
        pump(call, requests).catch(reject);
      });
  return (requests: AsyncIterable<object>, options?: CallOptions) => {
    const call = raw.makeBidiStreamRequest(path, serialize, deserialize, metadata(channel, options), {});
    pump(call, requests).catch((error: Error) => call.destroy(error));
    return iterate(call, options);
  };
}

/** Writes with back-pressure: waits whenever the channel's buffer is full, until there is room or the call is over. */
async function pump(call: grpc.ClientWritableStream<object>, requests: AsyncIterable<object>): Promise<void> {
  let open = true;
  call.on('status', () => (open = false)).on('error', () => (open = false)).on('close', () => (open = false));
  for await (const request of requests) {
    if (!open) return;
    if (!call.write(request)) await new Promise<void>((resolve) => call.once('drain', resolve).once('status', () => resolve()).once('error', () => resolve()).once('close', () => resolve()));
  }
  call.end();
}

async function* iterate(call: grpc.ClientReadableStream<object>, options?: CallOptions): AsyncIterable<object> {
  options?.signal?.addEventListener('abort', () => call.cancel(), { once: true });
  try {
    for await (const message of call) yield message as object;
  } catch (error) {
    if (!options?.signal?.aborted) throw toSkeinError(error as grpc.ServiceError);
  } finally {
    call.cancel();
  }
}
