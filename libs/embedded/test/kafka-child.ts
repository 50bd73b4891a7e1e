import { startKafka } from '../src/kafka.js';

const [dataDir = '', cacheDir] = process.argv.slice(2);
const broker = await startKafka(cacheDir === undefined ? { dataDir } : { dataDir, cacheDir });
process.stdout.write(`ready ${broker.pid} ${broker.port}\n`);
setInterval(() => undefined, 1_000);
