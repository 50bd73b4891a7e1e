import type { DescMethod, DescMethodBiDiStreaming, DescMethodClientStreaming, DescMethodServerStreaming, DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** Options of one call. Correlation and trace default to those of the call being handled, whose deadline and end are the call's, too. */
export interface ClientCallOptions {
  /** Give up after this long; default 10 000 for unary and client-streaming calls, none for the others. */
  readonly timeoutMs?: number;
  readonly correlationId?: string;
  readonly traceparent?: string;
  readonly signal?: AbortSignal;
}

/** Promise-style method of a client; errors are `RejectionError` with the server's code, rule and field. */
export type ClientMethod<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: ClientCallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: ClientCallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: ClientCallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: ClientCallOptions) => AsyncIterable<MessageShape<O>>
          : never;

/** Client of a service: one method per RPC. */
export type Client<S extends DescService> = { readonly [K in keyof S['method']]: ClientMethod<S['method'][K]> };

/** Clients of other services over gRPC; one connection per target, opened at the first call. */
export interface GrpcClients {
  /** `target` is a service's name (its address from `PEERS_<SERVICE>`) or `host:port`. Calls carry a service identity. */
  client<S extends DescService>(service: S, target: string): Client<S>;
  close(): void;
}
