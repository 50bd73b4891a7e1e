import { runMain } from '@skein/platform';
import { validationService } from './validation.service.js';

await runMain(validationService);
