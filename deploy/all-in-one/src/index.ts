/*
 * What another composition of the same parts needs: secrets, chain, databases, environment and paths of a devnet. Nothing
 * here reaches the six services, which only the all-in-one's own process imports.
 */
export { startChain, type Devnet } from './chain.js';
export { logDatabase, serviceDatabases, type MakeDatabase } from './databases.js';
export { writeDevnet } from './devnet-file.js';
export { environmentOf, peerVariable, SIGN_IN_DOMAIN, type Surroundings } from './environment.js';
export { CONTEXTS, FRONT_INDEX, OWN_PATH } from './paths.js';
export { assertFree, SERVICE_NAMES, servicePorts, type NamedPort } from './ports.js';
export { loadSecrets, type Secrets } from './secrets.js';
