import type { Command, Option } from './command.js';

const RPC: Option = { value: 'URL', help: "the chain's JSON-RPC endpoint" };
const BOOK: Option = { value: 'FILE', help: 'addresses, deployer and settings as JSON, written by chain deploy' };

const DEPLOY = `A JSON file says what is wanted: chainId, multisig and genesisSeconds (first second of epoch 0) at least; operator, rewardOperator,
caseOperator, pauser, grantor, treasury (the multisig where absent), genesisSupply, minimumLock (base units as strings), epochSeconds
and other times, fees in basis points (feeBps, ownFeeBps, delegatorFeeBps, reporterBps), delegationCap, flockSymbol, gmFlockSymbol.

The key is of an account that has never sent a transaction: step n is its transaction n. Whatever stops a run, the same command goes on
where it stopped; a run that is complete changes nothing. In the end the multisig and the time lock hold every role, the deployer none.`;

// viem is loaded only by whoever asks for a chain.
export const chain: readonly Command[] = [
  {
    name: 'chain deploy', words: [], summary: 'deploy and wire all contracts, hand them over, write the address book', text: DEPLOY, alone: true,
    options: { rpc: RPC, 'key-file': { value: 'FILE', help: "the deployer's private key; a file that others may read is refused" }, config: { value: 'FILE', help: 'owners and parameters' }, book: BOOK },
    run: async (context) => (await import('../chain-deploy.js')).deploy(context),
  },
  {
    name: 'chain status', words: [], summary: 'contracts, totals and pauses of a deployment', alone: true, options: { rpc: RPC, book: BOOK },
    run: async (context) => (await import('../chain-status.js')).status(context),
  },
  {
    name: 'chain verify', words: [], summary: 'prove code, parameters and every role on chain; that the deployer keeps nothing', alone: true, options: { rpc: RPC, book: BOOK },
    run: async (context) => (await import('../chain-status.js')).verify(context),
  },
];
