import { type Upcaster, upcasterChain } from '@skein/kernel';

/** Before, nobody noted how far the tasks had come: nothing was forgotten by such an event. */
const reached: Upcaster = { type: 'skein.arena.emission.allocated.v1', from: 1, lift: (data) => ({ ...(data as object), reached: [] }) };

/** Lifts what former programs have stored. */
export const arenaUpcasters = upcasterChain([reached]);
