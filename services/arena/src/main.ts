import { runMain } from '@skein/platform';
import { arenaService } from './arena.service.js';

await runMain(arenaService);
