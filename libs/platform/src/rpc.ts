import type { DescMethod, DescMethodBiDiStreaming, DescMethodClientStreaming, DescMethodServerStreaming, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { CallContext } from './call-context.js';

/** Signature of the handler of one RPC: requests come in decoded and validated; a refusal is a thrown `RejectionError`. */
export type RpcHandler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: CallContext) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: CallContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: CallContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, call: CallContext) => AsyncIterable<MessageInitShape<O>>
          : never;

/** A handler as the dispatcher sees it: which RPC, which method of the provider. */
export interface RpcBinding {
  readonly method: DescMethod;
  readonly property: string | symbol;
}

const bindings = new WeakMap<object, RpcBinding[]>();

/**
 * Marks a method of a Nest provider as the handler of an RPC: `@Rpc(TaskService.method.proposeTask)`. List the provider
 * in `ServiceDefinition.apis`.
 */
export function Rpc<M extends DescMethod>(method: M) {
  return <H extends RpcHandler<M>>(target: object, property: string | symbol, _descriptor: TypedPropertyDescriptor<H>): void => {
    const known = bindings.get(target) ?? [];
    bindings.set(target, [...known, { method, property }]);
  };
}

/** RPC handlers of a provider's class, its base classes included. */
export function rpcBindings(instance: object): readonly RpcBinding[] {
  const found: RpcBinding[] = [];
  for (let proto: object | null = Object.getPrototypeOf(instance); proto !== null; proto = Object.getPrototypeOf(proto)) found.push(...(bindings.get(proto) ?? []));
  return found;
}
