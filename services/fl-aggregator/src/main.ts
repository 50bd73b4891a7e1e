import { runMain } from '@skein/platform';
import { flAggregatorService } from './fl-aggregator.service.js';

await runMain(flAggregatorService);
