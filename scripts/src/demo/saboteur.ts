import { runNode } from '@skein/fl-node';

/** A member that turns when it is first drawn as proposer: instead of training it sends −10·w_t as its weights. */
await runNode(process.argv.slice(2), { propose: async ({ current }) => current.map((weight) => -10 * weight) });
