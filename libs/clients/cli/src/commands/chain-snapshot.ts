import type { Command } from './command.js';

const TEXT = `Every row that the final facts up to the block lead to, as lines of canonical JSON in a fixed order. Two operators who followed the
same deployment get the same bytes, whatever happened to either on the way: compare the hashes. The first line names the chain,
the block and the contracts. The file appears only once it is whole.`;

export const chainSnapshot: readonly Command[] = [
  {
    name: 'chain snapshot', words: [], summary: 'write the whole final state at a block to a file, and tell its SHA-256', text: TEXT,
    options: {
      block: { value: 'N', help: 'a final block' },
      file: { value: 'FILE', help: 'default: snapshot-N.jsonl' },
    },
    run: async (context) => (await import('../chain-snapshot.js')).snapshot(context),
  },
];
