export { stakingProjection } from './staking.projection.js';
export { StakingQueries } from './staking.queries.js';
