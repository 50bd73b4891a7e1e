import { create } from '@bufbuild/protobuf';
import { PoolChangedSchema, PositionChangedSchema } from '@skein/contracts/staking';
import type { EventStore, Subscription } from '@skein/events';
import { sha256Hex, uuidV8From } from '@skein/kernel';
import type { Delivery } from '@skein/messaging';
import { caseStream } from '../src/domain/case/case.decider.js';
import type { CaseFacts } from '../src/domain/case/case.events.js';
import { lentStake } from '../src/domain/reward/delegation.policy.js';
import { countedStake } from '../src/domain/reward/staker.policy.js';
import type { StakeCopy } from '../src/infrastructure/stake-copy.js';
import type { PoolsConsumer } from '../src/interface/events/pools.consumer.js';
import type { StakesConsumer } from '../src/interface/events/stakes.consumer.js';
import { wallet } from './domain.fixtures.js';

const METADATA = { correlationId: 'test', actor: 'test' };
const SCALE = 10n ** 27n;
const hash = `0x${'a'.repeat(64)}`;

/** The real copies of one database. */
export interface Copies {
  readonly store: EventStore;
  readonly cases: Subscription;
  readonly copy: StakeCopy;
  readonly stakes: StakesConsumer;
  readonly pools: PoolsConsumer;
}

interface Slash {
  readonly facts: CaseFacts;
  readonly units: bigint;
  /** How the contract divides it, by the shares at its notice. */
  readonly own: bigint;
  readonly pool: bigint;
}

type Told = (again: string) => Promise<void>;

/** What one publication tells of the wallet, in its order; messages of different publications overtake each other. */
class Lane {
  readonly #told: Told[] = [];
  #heard = 0;

  tell(message: Told): void {
    this.#told.push(message);
  }

  async hear(): Promise<void> {
    const message = this.#told[this.#heard];
    if (message === undefined) return;
    this.#heard += 1;
    await message('');
  }

  /** Once more, under the same id or (told anew) under another. */
  async hearAgain(pick: number, anew: string): Promise<void> {
    if (this.#heard > 0) await this.#told[pick % this.#heard]!(anew);
  }

  get behind(): boolean {
    return this.#heard < this.#told.length;
  }
}

/** One wallet with stakes in two tasks, and perhaps a pool: what was decided against the first, what the chain made of it, what was heard. */
export class SlashPlay {
  readonly #tasks: readonly [string, string];
  readonly #wallet: string;
  readonly #own: [bigint, bigint];
  #principal: bigint;
  readonly #shares: bigint;
  readonly #versions = { position: 0n, pool: 0n };
  /** Decided and not dismissed; the first `#settled` of them are in final blocks. */
  readonly #decided: Slash[] = [];
  #settled = 0;
  #cases = 0;
  readonly lanes = { positions: new Lane(), pools: new Lane(), ends: new Lane() };

  constructor(readonly copies: Copies, number: number, readonly begun: { readonly own: readonly [bigint, bigint]; readonly principal: bigint }) {
    this.#tasks = [uuidV8From('slashes', number, 'a'), uuidV8From('slashes', number, 'b')];
    this.#wallet = wallet(`slashed ${number}`);
    this.#own = [...begun.own];
    this.#principal = this.#shares = begun.principal;
    this.#tellPosition({ kind: 'staked', caseId: '' });
    if (begun.principal > 0n) this.#tellPool({ kind: 'delegated', caseId: '' });
  }

  #delivery(id: string): Delivery {
    return { inbox: { consumer: 'test', messageId: `${this.#wallet}/${id}` }, metadata: () => METADATA } as unknown as Delivery;
  }

  #tellPosition(cause: { kind: string; caseId: string }): void {
    const version = (this.#versions.position += 1n);
    const stakes = this.#tasks.map((task, at) => ({ task: `tasks/${task}`, role: 'node', units: String(this.#own[at]) }));
    const message = create(PositionChangedSchema, { wallet: this.#wallet, version, asOf: { number: version, hash }, stakes, cause });
    this.lanes.positions.tell((anew) => this.copies.stakes.handle(message, this.#delivery(`position/${version}${anew}`)));
  }

  #tellPool(cause: { kind: string; caseId: string }): void {
    const version = (this.#versions.pool += 1n);
    const principalIndex = ((this.#principal * SCALE) / this.#shares).toString();
    const message = create(PoolChangedSchema, { pool: `0x${this.#wallet.slice(-40)}`, owner: this.#wallet, version, asOf: { number: version, hash }, countedShares: String(this.#shares), principalIndex, cause });
    this.lanes.pools.tell((anew) => this.copies.pools.takePool(message, this.#delivery(`pool/${version}${anew}`)));
  }

  async #append({ caseId }: CaseFacts, type: string, data: object, readModel: 'told' | 'not told' = 'told'): Promise<void> {
    await this.copies.store.append(caseStream(caseId), 'any', [{ type: `skein.arena.case.${type}.v1`, data }], METADATA);
    if (readModel === 'told') await this.copies.cases.catchUp();
  }

  async decide(units: bigint, readModel?: 'told' | 'not told'): Promise<void> {
    const [own, other] = this.#own;
    const counted = countedStake({ ownUnits: own, delegatedUnits: lentStake(own, own + other, this.#principal) });
    const ownPart = (units * own + counted - 1n) / counted;
    const evidenceSha256 = sha256Hex(`${this.#wallet} ${(this.#cases += 1)}`);
    const facts: CaseFacts = { caseId: `0x${evidenceSha256}`, taskId: this.#tasks[0], role: 'node', wallet: this.#wallet, evidenceSha256, reporter: '', rule: 'proven-copy' };
    this.#decided.push({ facts, units, own: ownPart, pool: units - ownPart });
    await this.#append(facts, 'decided', { ...facts, units, reason: '', decidedAtMs: 1 }, readModel);
  }

  /** The newest decision is taken back, where the chain does not have it. */
  async dismiss(): Promise<void> {
    if (this.#decided.length === this.#settled) return;
    const { facts } = this.#decided.pop()!;
    await this.#append(facts, 'dismissed', { ...facts, reason: '', decided: true, dismissedAtMs: 1 });
  }

  /** A final block has the oldest slash that it did not have: it is told of three times, each in a way of its own. */
  settle(): void {
    const slash = this.#decided[this.#settled];
    if (slash === undefined) return;
    this.#settled += 1;
    const { facts, own, pool } = slash;
    this.#own[0] -= own;
    this.#tellPosition({ kind: 'slashed', caseId: facts.caseId });
    if (pool > 0n) {
      this.#principal -= pool;
      this.#tellPool({ kind: 'pool-slashed', caseId: facts.caseId });
    }
    const outcome = { outcome: 'slashed', fromOwnerUnits: own, fromPoolUnits: pool, toReporterUnits: 0n, blockNumber: 1, disagreement: '' };
    // The case's stream ends a case once, whatever is told again.
    let ended: Promise<void> | undefined;
    this.lanes.ends.tell(() => (ended ??= this.#append(facts, 'finalised', { ...facts, ...outcome })));
  }

  async finish(): Promise<void> {
    while (this.#settled < this.#decided.length) this.settle();
    for (const lane of Object.values(this.lanes)) while (lane.behind) await lane.hear();
  }

  /** Own and lent stake in the slashed task, as a decision would take them. */
  async effective(): Promise<readonly [bigint, bigint]> {
    const { positions } = await this.copies.copy.stakesOf(this.#tasks[0]);
    return [positions[0]?.ownUnits ?? 0n, positions[0]?.delegatedUnits ?? 0n];
  }

  /** The same, had the chain made every decision final at once. */
  get expected(): readonly [bigint, bigint] {
    const [own, other] = this.begun.own;
    const left = this.#decided.reduce((sum, slash) => sum - slash.own, own);
    return [left, lentStake(left, left + other, this.#decided.reduce((sum, { pool }) => sum - pool, this.begun.principal))];
  }

  get decided(): number {
    return this.#decided.length;
  }
}
