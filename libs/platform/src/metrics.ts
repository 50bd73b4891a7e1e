import type { Meter } from '@opentelemetry/api';

/** Measures of the calls a service answers. */
export interface RpcMetrics {
  /** A call begins (`skein.arena.v1.TaskService/ProposeTask`, or a name of a foreign protocol's call); the returned function ends it once, with the code or `ok`; later calls of it do nothing. */
  begin(rpc: string): (outcome: string) => void;
}

/** `rpc_server_duration_seconds{rpc,code}` and `rpc_server_in_flight{rpc}`. */
export function rpcMetrics(meter: Meter): RpcMetrics {
  const duration = meter.createHistogram('rpc_server_duration_seconds', { unit: 's', description: 'time from the first byte of a call to its answer' });
  const inFlight = meter.createUpDownCounter('rpc_server_in_flight', { description: 'calls being handled' });
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
