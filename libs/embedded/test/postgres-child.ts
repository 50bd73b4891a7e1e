import { startPostgres } from '../src/postgres.js';

const [dataDir = '', ephemeral] = process.argv.slice(2);
const server = await startPostgres({ dataDir, ephemeral: ephemeral === 'ephemeral' });
await server.createDatabase('arena');
process.stdout.write(`ready ${server.pid}\n`);
setInterval(() => undefined, 1_000);
