import { create } from '@bufbuild/protobuf';
import { type PositionChanged, PositionChangedSchema } from '@skein/contracts/staking';
import { EventStore } from '@skein/events';
import { federationCaseId, uuidV8From } from '@skein/kernel';
import type { Delivery } from '@skein/messaging';
import { migrationsOf } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FederationDesk } from '../src/application/federation-desk.js';
import { TaskSignals } from '../src/application/task-signals.js';
import { effectiveStake, federationStream } from '../src/domain/index.js';
import type { FederationEvent, FederationState } from '../src/domain/index.js';
import { flAggregatorService } from '../src/fl-aggregator.service.js';
import { StakeCopy } from '../src/infrastructure/stake-copy.js';
import { StakesConsumer } from '../src/interface/stakes.consumer.js';
import { manifestWith, Story, TASK_ID, UNIT, wallet } from './story.js';

const METADATA = { correlationId: 'test', actor: 'test' };
const STAKED = 1_000n * UNIT;

let database: TestDatabase;
let store: EventStore;
let copy: StakeCopy;
let desk: FederationDesk;
let consumer: StakesConsumer;

beforeAll(async () => {
  database = await freshDatabase(...migrationsOf(flAggregatorService));
  store = new EventStore({ pool: database.appPool });
  copy = new StakeCopy(database.appPool);
  desk = new FederationDesk(store, copy, undefined as never, new TaskSignals());
  consumer = new StakesConsumer(copy, desk);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

/** One task of one node: what was decided about its stake, what the chain has made final, and what of that has come here. */
class Play {
  readonly #taskId: string;
  readonly node: string;
  /** Every position that the indexer has published; the first `#heard` of them have come. */
  readonly #published: PositionChanged[] = [];
  #heard = 0;
  #deliveries = 0;
  #chainStake = 0n;
  /** Of each position: what the wallet had put in until then. */
  readonly #putIn: bigint[] = [];
  readonly #decided: { readonly caseId: string; readonly units: bigint }[] = [];
  #final = 0;

  constructor(number: number) {
    this.#taskId = uuidV8From('stakes', number);
    this.node = wallet(`node ${number}`);
  }

  async begin(): Promise<this> {
    const [proposed, ...others] = new Story().start(manifestWith(), UNIT, { [this.node]: STAKED }).events;
    const own = { ...proposed!, data: { ...proposed!.data, id: this.#taskId } } as FederationEvent;
    await store.append(federationStream(this.#taskId), 'none', [own, ...others], METADATA);
    this.topUp(STAKED);
    await this.hear();
    return this;
  }

  /** A round slashes the node. */
  async decide(units: bigint): Promise<void> {
    const round = this.#decided.length + 1;
    const data = { round, reason: 'no-vote', slashes: [{ node: this.node, units, reason: 'silent' }], callerUnits: 0n, payments: [], left: 0n, leftGm: 0n };
    await store.append(federationStream(this.#taskId), 'exists', [{ type: 'skein.federation.round.voided.v1', data }], METADATA);
    this.#decided.push({ caseId: federationCaseId(this.#taskId, round, this.node), units });
  }

  /** A final block has the oldest slash that it did not have. */
  settle(): void {
    const slash = this.#decided[this.#final];
    if (slash === undefined) return;
    this.#final += 1;
    this.#publish(-slash.units, 'federation-slashed', slash.caseId, this.#putIn.at(-1)!);
  }

  /** The node stakes more. */
  topUp(units: bigint): void {
    this.#publish(units, 'federation-joined', '', (this.#putIn.at(-1) ?? 0n) + units);
  }

  #publish(change: bigint, kind: string, caseId: string, putIn: bigint): void {
    this.#chainStake += change;
    this.#putIn.push(putIn);
    const version = BigInt(this.#published.length + 1);
    const task = `tasks/${this.#taskId}`;
    const stakes = [{ task, role: 'participant', units: this.#chainStake.toString() }];
    const cause = { kind, caseId, task: caseId === '' ? '' : task };
    this.#published.push(create(PositionChangedSchema, { wallet: this.node, version, asOf: { number: version, hash: `0x${'a'.repeat(64)}` }, stakes, cause }));
  }

  #delivery(id: string): Delivery {
    return { inbox: { consumer: 'test', messageId: `${this.#taskId}/${id}` }, metadata: () => METADATA } as unknown as Delivery;
  }

  /** The next position comes; `killed`: only the copy has it, what follows from it was cut off. */
  async hear(killed = false): Promise<void> {
    const message = this.#published[this.#heard];
    if (message === undefined) return;
    this.#heard += 1;
    const delivery = this.#delivery(String(message.version));
    if (killed) await copy.take(delivery.inbox, message);
    else await consumer.handle(message, delivery);
  }

  /** A position that has come comes again: the same message, or (of another log, or told anew) under another id. */
  async hearAgain(pick: number, anew: boolean): Promise<void> {
    const message = this.#published[pick % this.#heard]!;
    await consumer.handle(message, this.#delivery(anew ? `anew-${(this.#deliveries += 1)}` : String(message.version)));
  }

  state(): Promise<FederationState> {
    return desk.state(this.#taskId);
  }

  /** What a decision on `state` would take for the node's stake. */
  async effective(state: FederationState): Promise<bigint> {
    const { stakes, finalCases } = await desk.memberStakes(this.#taskId, state);
    return effectiveStake(state, this.node, stakes[this.node] ?? 0n, finalCases);
  }

  /** What was put in, as far as it was heard of, less everything that was ever decided: wherever its slash has got to. */
  get expected(): bigint {
    return this.#putIn[this.#heard - 1]! - this.#decided.reduce((sum, { units }) => sum + units, 0n);
  }

  /** Everything comes, and everything is final. */
  async finish(): Promise<void> {
    while (this.#final < this.#decided.length) this.settle();
    while (this.#heard < this.#published.length) await this.hear();
  }

  get chainStake(): bigint {
    return this.#chainStake;
  }
}

let plays = 0;

test('each slash is subtracted once, however decisions, final blocks, duplicates, latecomers, kills and other changes interleave', { timeout: 60_000 }, async () => {
  const units = fc.bigInt({ min: 1n, max: 20n * UNIT });
  const step = fc.oneof(
    { weight: 3, arbitrary: units.map((amount) => async (play: Play) => play.decide(amount)) },
    { weight: 3, arbitrary: fc.constant(async (play: Play) => play.settle()) },
    { weight: 1, arbitrary: units.map((amount) => async (play: Play) => play.topUp(amount)) },
    { weight: 4, arbitrary: fc.boolean().map((killed) => async (play: Play) => play.hear(killed)) },
    { weight: 2, arbitrary: fc.tuple(fc.nat(100), fc.boolean()).map(([pick, anew]) => async (play: Play) => play.hearAgain(pick, anew)) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const play = await new Play((plays += 1)).begin();
      for (const take of steps) {
        const { openSlashes, ...before } = await play.state();
        await take(play);
        const after = await play.state();
        expect(await play.effective(after)).toBe(play.expected);
        // A decision that had read its stream before a case was closed in it, and reads the copy after.
        if (Object.keys(after.openSlashes).every((caseId) => caseId in openSlashes)) expect(await play.effective({ ...before, openSlashes })).toBe(play.expected);
      }
      await play.finish();
      expect(await play.effective(await play.state())).toBe(play.chainStake);
    }),
    { numRuns: 60 },
  );
});

test('once a final block has a slash its case is closed in the stream; what else changes a position closes none', async () => {
  const play = await new Play((plays += 1)).begin();
  await play.decide(UNIT);
  play.topUp(UNIT);
  await play.hear();
  expect(Object.values((await play.state()).openSlashes)).toEqual([{ round: 1, node: play.node, units: UNIT }]);
  play.settle();
  await play.hear();
  expect((await play.state()).openSlashes).toEqual({});
});

test('a decision names the block that the copy has got to, and the join’s event is what a round of it can be checked by', async () => {
  const { stakeBlock } = await copy.stakesOf(TASK_ID, [], []);
  expect(stakeBlock).toMatchObject({ hash: `0x${'a'.repeat(64)}` });
  const story = new Story().start(manifestWith(), UNIT, {});
  const [joined] = story.give({ kind: 'join', node: wallet('a'), stake: STAKED, finalCases: [], stakeBlock });
  expect(joined!.data).toEqual({ node: wallet('a'), stake: STAKED, stakeBlock });
});
