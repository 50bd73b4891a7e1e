import { runMain } from '@skein/platform';
import { marketplaceService } from './marketplace.service.js';

await runMain(marketplaceService);
