import type { Meter } from '@opentelemetry/api';

/** Measures of the calls a service answers. */
export interface RpcMetrics {
  /** A call begins (`skein.arena.v1.TaskService/ProposeTask`, or a name of a foreign protocol's call); the returned function ends it once, with the code or `ok`; later calls of it do nothing. */
  begin(rpc: string): (outcome: string) => void;
}

/** Buckets of what a caller waits for, in seconds. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** `rpc_server_duration_seconds{rpc,code}` and `rpc_server_in_flight{rpc}`. */
export function rpcMetrics(meter: Meter): RpcMetrics {
  const duration = meter.createHistogram('rpc_server_duration_seconds', { unit: 's', description: 'Time from the first byte of a call to its answer', advice: { explicitBucketBoundaries: SECONDS } });
  const inFlight = meter.createUpDownCounter('rpc_server_in_flight', { unit: '{call}', description: 'Calls being handled' });
  return {
    begin(rpc) {
      const started = performance.now();
      const labels = { rpc };
      inFlight.add(1, labels);
      let open = true;
      return (outcome) => {
        if (!open) return;
        open = false;
        inFlight.add(-1, labels);
        duration.record((performance.now() - started) / 1000, { ...labels, code: outcome });
      };
    },
  };
}
