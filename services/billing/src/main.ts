import { runMain } from '@skein/platform';
import { billingService } from './billing.service.js';

await runMain(billingService);
