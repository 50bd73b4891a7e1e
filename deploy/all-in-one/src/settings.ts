import { parseSettings, type ServiceDefinition, type Settings } from '@skein/platform';
import { environmentOf, type Surroundings } from './environment.js';

/** Settings of one service of the all-in-one. */
export const settingsOf = (definition: ServiceDefinition, around: Surroundings): Settings => parseSettings(definition, environmentOf(definition.name, around));
