import { arenaService } from '@skein/arena';
import { billingService } from '@skein/billing';
import { flAggregatorService } from '@skein/fl-aggregator';
import { marketplaceService } from '@skein/marketplace';
import type { ServiceDefinition } from '@skein/platform';
import { stakingIndexerService } from '@skein/staking-indexer';
import { validationService } from '@skein/validation';

/** The six services. Only here do they stand side by side. */
export const definitions: readonly ServiceDefinition[] = [arenaService, validationService, flAggregatorService, stakingIndexerService, marketplaceService, billingService];
