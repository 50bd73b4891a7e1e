import { create, fromBinary } from '@bufbuild/protobuf';
import { status, type Server, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { Health, HealthCheckRequestSchema, HealthCheckResponse_ServingStatus as Serving, HealthCheckResponseSchema } from '@skein/contracts/grpc/health/v1';
import { encodeMessage, serviceDefinition } from './codec.js';

const WATCH_MS = 500;

/** Adds grpc.health.v1: `""` and the server's services answer SERVING while `ready` says so, others SERVICE_UNKNOWN. */
export function addHealth(server: Server, names: readonly string[], ready: () => boolean): void {
  const stateOf = (bytes: Buffer): Serving => {
    const { service } = fromBinary(HealthCheckRequestSchema, bytes);
    if (service !== '' && !names.includes(service)) return Serving.SERVICE_UNKNOWN;
    return ready() ? Serving.SERVING : Serving.NOT_SERVING;
  };
  const encode = (state: Serving): Buffer => encodeMessage(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status: state }));
  server.addService(serviceDefinition(Health), {
    Check: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      const state = stateOf(call.request);
      if (state === Serving.SERVICE_UNKNOWN) callback({ code: status.NOT_FOUND, details: 'unknown service' });
      else callback(null, encode(state));
    },
    Watch: (call: ServerWritableStream<Buffer, Buffer>) => {
      let last: Serving | undefined;
      const tell = (): void => {
        const state = stateOf(call.request);
        if (state !== last) call.write(encode((last = state)));
      };
      const timer = setInterval(tell, WATCH_MS).unref();
      call.on('cancelled', () => clearInterval(timer)).on('close', () => clearInterval(timer));
      tell();
    },
  });
}
