import type { DescService } from '@bufbuild/protobuf';
import { chainClient, devAccount, type ChainClient, type ChainEndpoint } from '@skein/contracts-evm';
import { formatWallet, sha256Hex, utf8, uuidV8From } from '@skein/kernel';
import { createClient, retryingClient, signSession, type Client, type RestOptions } from '@skein/sdk';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { Devnet } from '../process/skein-process.js';
import { patience } from './persist.js';

const SESSION_MS = 12 * 3600 * 1000;
const SCOPES = ['arena.propose', 'arena.submit', 'validation.score', 'federation.propose', 'federation.participate', 'marketplace.publish', 'marketplace.infer', 'billing.manage', 'billing.read', 'staking.read'];

/** One person or machine of the story: a wallet, its session, typed clients of the public API, its way to the chain. */
export class Actor {
  readonly name: string;
  readonly account: PrivateKeyAccount;
  /** CAIP-10. */
  readonly wallet: string;
  readonly chain: ChainClient;
  private readonly devnet: Devnet;
  private readonly seed: string;
  private readonly token: string;
  private readonly clients = new Map<string, { close(): void }>();

  private constructor(name: string, seed: string, account: PrivateKeyAccount, devnet: Devnet, endpoint: ChainEndpoint, token: string) {
    this.name = name;
    this.seed = seed;
    this.account = account;
    this.devnet = devnet;
    this.token = token;
    this.wallet = formatWallet({ chainId: endpoint.chainId, address: account.address });
    this.chain = chainClient(endpoint, account);
  }

  /** Derives the wallet from seed and name and signs in with it; `token` replaces the session (operator, API key). */
  static async create(name: string, seed: string, devnet: Devnet, token?: string): Promise<Actor> {
    const account = devAccount(seed, name);
    const now = Date.now();
    const nonce = sha256Hex(utf8(`${seed}/${name}`)).slice(0, 16);
    const session = { account, chainId: devnet.chainId, domain: devnet.siweDomain, scopes: SCOPES, nonce, issuedAtMs: now - 60_000, expiresAtMs: now + SESSION_MS };
    return new Actor(name, seed, account, devnet, devnet, token ?? (await signSession(session)));
  }

  /** The same wallet calling with another credential, for example an API key. */
  as(token: string): Actor {
    return new Actor(this.name, this.seed, this.account, this.devnet, this.devnet, token);
  }

  /** Key of a command: follows from the seed, so that a repeated run sends the same keys. */
  requestId(label: string): string {
    return uuidV8From('skein/demo/request', this.seed, this.name, label);
  }

  readonly headers = (): Record<string, string> => ({ authorization: `Bearer ${this.token}` });

  get rest(): RestOptions {
    return { baseUrl: this.devnet.frontUrl, headers: this.headers };
  }

  /** Typed client of an RPC service at a Skein service's public gRPC port; unary calls are repeated while it is away. */
  client<Service extends DescService>(service: Service, at: string): Client<Service> {
    const key = `${at}/${service.typeName}`;
    const known = this.clients.get(key) as (Client<Service> & { close(): void }) | undefined;
    if (known) return known;
    const address = this.devnet.grpc[at];
    if (address === undefined) throw new Error(`devnet.json names no gRPC address of ${at}`);
    const raw = createClient(service, { address, headers: this.headers });
    const client = Object.assign(retryingClient(service, raw, patience), { close: () => raw.close() });
    this.clients.set(key, client);
    return client;
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }
}
