export { Api, type Connection } from './api.js';
export { traceIdsOf, traceOf, traceTree, type AskEvents, type CausalTrace, type TracedEvent, type TraceLine } from './causal-trace.js';
export type { Terminal } from './context.js';
export { EXIT, type ExitCode } from './errors.js';
export { run } from './run.js';
export { CONTEXT_OF, SERVICES } from './services.js';
