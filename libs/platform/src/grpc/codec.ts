import { fromBinary, toBinary, type DescMessage, type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { InvalidRequestError } from '../errors/invalid-request.js';

/** Bytes stay bytes on grpc-js' side: messages are decoded after the caller is known, so that the order of checks holds. */
const asIs = (bytes: Buffer): Buffer => bytes;

/** Path of an RPC: `/skein.arena.v1.TaskService/ProposeTask`. */
export const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

/** grpc-js' definition of an RPC, straight from the descriptor. */
export function methodDefinition(method: DescMethod): MethodDefinition<Buffer, Buffer> {
  return {
    path: pathOf(method),
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
    originalName: method.localName,
  };
}

/** grpc-js' definition of a service. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(method)]));
}

/** Decodes a request; bytes that are none are the caller's fault. */
export function decodeRequest(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch {
    throw new InvalidRequestError([{ field: '', rule: 'malformed', message: `the request is not a ${schema.typeName}` }]);
  }
}

/** Encodes a message of the schema. */
export const encodeMessage = (schema: DescMessage, message: Message): Buffer => Buffer.from(toBinary(schema, message));
