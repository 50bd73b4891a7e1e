export { billingProjections, billingService } from './billing.service.js';
