export { stakingProjection } from './projections/staking.projection.js';
export { stakingIndexerService } from './staking-indexer.service.js';
