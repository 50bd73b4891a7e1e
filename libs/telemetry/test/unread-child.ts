import { createLogger } from '../src/index.js';

// A service whose database is gone: it says so again and again, and ends when it is told to.
const logger = createLogger({ service: 'arena' });
process.on('SIGTERM', () => process.exit(0));
for (let n = 0; n < 5_000; n += 1) logger.error({ n, where: 'x'.repeat(200) }, 'background work failed, it goes on');
process.send?.('said');
setInterval(() => undefined, 1_000);
