import { runNode } from './run-node.js';

await runNode(process.argv.slice(2));
