import { chainOutbox } from './chain-outbox.js';
import { chainSnapshot } from './chain-snapshot.js';
import { chain } from './chain.js';
import type { Command } from './command.js';
import { consumers } from './consumers.js';
import { deadLetters } from './dead-letters.js';
import { projections } from './projections.js';
import { streams } from './streams.js';
import { topics } from './topics.js';
import { trace } from './trace.js';
import { work } from './work.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [...streams, ...projections, ...consumers, ...deadLetters, ...work, ...topics, ...trace, ...chain, ...chainOutbox, ...chainSnapshot];
