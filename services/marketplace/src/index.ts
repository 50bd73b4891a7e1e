export { marketplaceProjections, marketplaceService } from './marketplace.service.js';
