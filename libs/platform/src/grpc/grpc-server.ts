import type { EventEmitter } from 'node:events';
import type { Tracer } from '@opentelemetry/api';
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import {
  logVerbosity, Metadata, Server, ServerCredentials, setLogVerbosity, status, type handleBidiStreamingCall, type handleClientStreamingCall, type handleServerStreamingCall, type handleUnaryCall,
  type ServerDuplexStream, type ServerReadableStream, type ServerUnaryCall, type ServerWritableStream, type UntypedHandleCall,
} from '@grpc/grpc-js';
import { failpoint } from '@skein/telemetry';
import { addressOf } from '../admission/tenant.js';
import type { Surface } from '../auth/authenticator.js';
import { correlationOf, type CallInfo } from '../dispatch/context.js';
import type { Decode, Dispatcher } from '../dispatch/dispatcher.js';
import { normaliseError } from '../errors/normalise.js';
import { toGrpcError } from '../errors/grpc-status.js';
import { portTaken } from '../boot/ports.js';
import { serverSpan, type ServerSpan } from '../tracing/rpc.js';
import { decodeRequest, encodeMessage, serviceDefinition } from './codec.js';

type AnyCall = ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** Options of one gRPC port. */
export interface GrpcServerOptions {
  readonly surface: Surface;
  readonly services: readonly DescService[];
  readonly dispatcher: Dispatcher;
  readonly bodyLimitBytes: number;
  /** Longest a unary call may take when the caller names no deadline. */
  readonly defaultTimeoutMs: number;
  readonly tracer: Tracer | undefined;
}

const STREAMS_PER_CONNECTION = 1_024;
const header = (metadata: Metadata, name: string): string | undefined => metadata.get(name)[0]?.toString();

function infoOf(call: AnyCall, { traceparent }: ServerSpan, options: GrpcServerOptions, streaming: boolean): CallInfo & { correlationId: string } {
  const abort = new AbortController();
  (call satisfies EventEmitter as EventEmitter).on('cancelled', () => abort.abort());
  const deadline = call.getDeadline();
  const given = deadline instanceof Date ? deadline.getTime() : deadline;
  const fallback = streaming ? undefined : Date.now() + options.defaultTimeoutMs;
  const correlationId = correlationOf(header(call.metadata, 'x-correlation-id'));
  const echo = new Metadata();
  echo.set('x-correlation-id', correlationId);
  call.sendMetadata(echo);
  return {
    authorization: header(call.metadata, 'authorization'),
    correlationId,
    traceparent,
    deadlineMs: Number.isFinite(given) ? given : fallback,
    idempotencyKey: header(call.metadata, 'idempotency-key'),
    address: addressOf(call.getPeer()),
    sizeBytes: 'request' in call ? call.request.length : 0,
    signal: abort.signal,
  };
}

async function* one(decode: Decode): AsyncIterable<Decode> {
  yield decode;
}

async function* decoders(method: DescMethod, requests: AsyncIterable<Buffer>): AsyncIterable<Decode> {
  for await (const bytes of requests) yield () => decodeRequest(method.input, bytes);
}

/** Writes a stream of answers at the pace of the reader; tells how it ended. */
async function pump(call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>, answers: AsyncIterable<Buffer>, correlationId: string): Promise<status> {
  try {
    for await (const answer of answers) {
      if (call.cancelled) return status.CANCELLED;
      if (!call.write(answer)) await drained(call);
    }
    call.end();
    return status.OK;
  } catch (thrown) {
    const error = toGrpcError(normaliseError(thrown).error, correlationId);
    call.emit('error', error);
    return error.code;
  }
}

function drained(call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done).off('cancelled', done).off('close', done);
      resolve();
    };
    call.on('drain', done).on('cancelled', done).on('close', done);
  });
}

function unaryHandler(method: DescMethod, options: GrpcServerOptions): handleUnaryCall<Buffer, Buffer> | handleClientStreamingCall<Buffer, Buffer> {
  return (call: ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer>, callback: (error: ReturnType<typeof toGrpcError> | null, value?: Buffer) => void) => {
    const streamed = !('request' in call);
    const span = serverSpan(options.tracer, method, header(call.metadata, 'traceparent'));
    const info = infoOf(call, span, options, streamed);
    const encode = (message: Message): Buffer => encodeMessage(method.output, message);
    const answer = streamed
      ? options.dispatcher.clientStream(method, options.surface, info, decoders(method, call), encode)
      : options.dispatcher.unary(method, options.surface, info, () => decodeRequest(method.input, call.request), encode);
    answer.then(
      (bytes) => {
        failpoint('grpc.answer');
        span.end(status.OK);
        callback(null, bytes);
      },
      (thrown: unknown) => {
        const error = toGrpcError(normaliseError(thrown).error, info.correlationId);
        span.end(error.code);
        callback(error);
      },
    );
  };
}

function streamHandler(method: DescMethod, options: GrpcServerOptions): handleServerStreamingCall<Buffer, Buffer> | handleBidiStreamingCall<Buffer, Buffer> {
  return (call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>) => {
    const span = serverSpan(options.tracer, method, header(call.metadata, 'traceparent'));
    const info = infoOf(call, span, options, true);
    const requests = 'request' in call ? one(() => decodeRequest(method.input, call.request)) : decoders(method, call);
    const answers = options.dispatcher.stream(method, options.surface, info, requests, (message) => encodeMessage(method.output, message));
    void pump(call, answers, info.correlationId).then((code) => span.end(code));
  };
}

const handlerOf = (method: DescMethod, options: GrpcServerOptions): UntypedHandleCall =>
  method.methodKind === 'unary' || method.methodKind === 'client_streaming' ? unaryHandler(method, options) : streamHandler(method, options);

// grpc-js writes to stderr on its own what is also an error of a call or of `listenGrpc`; our logs are JSON lines.
setLogVerbosity(logVerbosity.NONE);

/** A grpc-js server over the dispatcher; `extend` adds health before it starts. */
export function grpcServer(options: GrpcServerOptions): Server {
  // Streams of one connection beyond these wait on the caller's side; calls are refused, with a time, long before.
  const server = new Server({ 'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION, 'grpc.max_receive_message_length': options.bodyLimitBytes, 'grpc.max_send_message_length': -1 });
  for (const service of options.services)
    server.addService(serviceDefinition(service), Object.fromEntries(service.methods.map((method) => [method.name, handlerOf(method, options)])));
  return server;
}

/** Listens and tells the port; a taken port is named with the option that chooses it. */
export function listenGrpc(server: Server, host: string, port: number, option: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(portTaken(error, host, port, option));
    });
  });
}

/** Lets calls end until `timeoutMs`, then cuts them. */
export async function stopGrpc(server: Server, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => server.forceShutdown(), timeoutMs);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(timer);
}
