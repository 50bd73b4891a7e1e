declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  export interface AutocannonRequest {
    method?: string;
    path?: string;
    headers?: Record<string, string>;
    body?: string;
  }
  export interface RequestHooks extends AutocannonRequest {
    setupRequest?: (request: AutocannonRequest) => AutocannonRequest;
  }
  export interface AutocannonOptions {
    url: string;
    connections: number;
    duration: number;
    /** Seconds. */
    timeout?: number;
    requests: readonly RequestHooks[];
  }
  export interface AutocannonResult {
    readonly errors: number;
    readonly timeouts: number;
    readonly duration: number;
  }
  export type Instance = EventEmitter & PromiseLike<AutocannonResult>;
  function autocannon(options: AutocannonOptions): Instance;
  export { autocannon as default };
}
