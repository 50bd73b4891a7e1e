import { ensureStake, openTask, roleNumber, taskKey, taskStakingAbi } from '@skein/contracts-evm';
import { StakingService, type Notice, type SlashCase } from '@skein/contracts/staking';
import { sha256Hex, utf8, uuidV8From } from '@skein/kernel';
import type { Actor } from '../actor.js';
import { persist } from '../persist.js';
import { verify, type Story } from '../story.js';
import { read, refusal, send, type Call } from './contracts.js';
import { HOLDINGS, UNIT } from './pool.js';

/** A tenth of what counts: of the keeper's own 2 000 and the pool's 4 000. */
export const TAKEN = 600n * UNIT;

/** The contract's numbers of a case's status. */
const UNKNOWN = 0;
const SLASHED = 2;

/** A case against the keeper's stake on a task, from the notice to the slash. */
export class KeepersCase {
  readonly taskId: string;
  readonly caseId: `0x${string}`;
  private readonly evidence: `0x${string}`;
  private readonly story: Story;

  constructor(story: Story) {
    this.story = story;
    this.taskId = uuidV8From('skein/demo/delegation', story.seed);
    this.caseId = `0x${sha256Hex(utf8(`case ${this.taskId}`))}`;
    this.evidence = `0x${sha256Hex(utf8(`evidence ${this.taskId}`))}`;
  }

  /** The keeper stakes as a node. */
  async stake(): Promise<void> {
    const { book, cast: { deployer, keeper } } = this.story;
    await persist(() => openTask(deployer.chain, book, this.taskId, Date.now() + 86_400_000));
    await persist(() => ensureStake(keeper.chain, book, { taskId: this.taskId, role: 'node', amount: HOLDINGS.keeper }));
  }

  /** Gives notice of the case, once. */
  async open(): Promise<void> {
    const { deployer, keeper, reporter } = this.story.cast;
    const { caseId, evidence } = this;
    const notice = this.call('openCase', caseId, taskKey(this.taskId), roleNumber('node'), keeper.chain.address, reporter.chain.address, TAKEN, evidence);
    await persist(async () => {
      if ((await this.status()) === UNKNOWN) await send(deployer.chain, notice);
    });
  }

  /** The custom error by which the contract refuses the slash now, although whoever asks may slash. */
  refusedSlash(): Promise<string | undefined> {
    return persist(() => refusal(this.story.cast.deployer.chain, this.call('slash', this.caseId, TAKEN)));
  }

  /** Slashes as soon as nobody can appeal any more, which the contract decides; the case as it has ended. */
  async slash(): Promise<SlashCase> {
    await persist(async () => {
      if ((await this.status()) !== SLASHED) await send(this.story.cast.deployer.chain, this.call('slash', this.caseId, TAKEN));
    });
    return this.until('slashed');
  }

  /** The case as the read model has it, once it is so. */
  until(status: string): Promise<SlashCase> {
    const staking = this.story.cast.operator.client(StakingService, 'staking-indexer');
    return persist(async () => {
      const [found] = (await staking.listCases({ caseId: this.caseId })).cases;
      verify(found?.status === status, `the case is ${found?.status ?? 'unknown'}, not yet ${status}`);
      return found;
    });
  }

  /** What the indexer tells a delegator of this case. */
  async noticeTo({ wallet, name }: Actor, status: string): Promise<Notice> {
    const staking = this.story.cast.operator.client(StakingService, 'staking-indexer');
    return persist(async () => {
      const notice = (await staking.listNotices({ delegator: wallet })).notices.find(({ caseId }) => caseId === this.caseId);
      verify(notice?.status === status, `the notice to ${name} says ${notice?.status ?? 'nothing'}, not yet ${status}`);
      return notice;
    });
  }

  private async status(): Promise<number> {
    return (await read<{ status: number }>(this.story.cast.deployer.chain, this.call('caseOf', this.caseId))).status;
  }

  private call(functionName: string, ...args: readonly unknown[]): Call {
    return { address: this.story.book.taskStaking, abi: taskStakingAbi, functionName, args };
  }
}
