import { runMain } from '@skein/platform';
import { stakingIndexerService } from './staking-indexer.service.js';

await runMain(stakingIndexerService);
