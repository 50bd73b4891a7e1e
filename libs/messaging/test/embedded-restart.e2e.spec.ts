import { brokerRestartContract } from './broker-restart.contract.js';
import { embeddedToRestart } from './support/own-postgres.js';

brokerRestartContract('embedded, on PostgreSQL', embeddedToRestart);
