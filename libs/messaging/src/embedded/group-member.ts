import type { ConsumeOptions, LogConsumer } from '../event-log.js';
import { planFor } from './assignment.js';
import type { LeaseRow, LogDatabase, MemberRow } from './log-database.js';
import { PartitionLoop, type ReportError } from './partition-loop.js';

/** What a member asks of the log it belongs to. */
export interface MemberHost {
  readonly db: LogDatabase;
  readonly report: ReportError;
  /** Leases of the group have changed hands: everybody should look. */
  groupChanged(group: string): void;
  left(member: GroupMember): void;
}

/** One member of a consumer group: holds leases and runs a loop for each. */
export class GroupMember implements LogConsumer {
  readonly row: MemberRow;
  readonly #host: MemberHost;
  readonly #options: ConsumeOptions;
  readonly #loops = new Map<number, PartitionLoop>();
  readonly #handingBack = new Map<number, Promise<void>>();
  /** Partitions that were lost while a message was at hand, until that message is finished. */
  readonly #finishing = new Map<number, Promise<void>>();
  #stopping: Promise<void> | undefined;

  constructor(host: MemberHost, options: ConsumeOptions, member: string) {
    this.#host = host;
    this.#options = options;
    this.row = { member, group: options.group, topics: [...options.topics] };
  }

  assignment(): { topic: string; partition: number }[] {
    return [...this.#loops.values()].map(({ claim }) => ({ topic: claim.topic, partition: claim.partition }));
  }

  pause(topic: string, partition: number): void {
    this.#find(topic, partition)?.pause();
  }

  resume(topic: string, partition: number): void {
    this.#find(topic, partition)?.resume();
  }

  async seek(topic: string, partition: number, offset: bigint): Promise<void> {
    const loop = this.#find(topic, partition);
    if (loop === undefined) throw new Error(`${this.row.group} does not hold ${topic}/${partition} here`);
    await loop.seek(offset);
  }

  alive(): boolean {
    return this.#stopping === undefined;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  /** Ids of the partitions with a loop here. */
  held(): Iterable<number> {
    return this.#loops.keys();
  }

  wake(heads: ReadonlyMap<number, bigint>): void {
    for (const [id, loop] of this.#loops) {
      const head = heads.get(id);
      if (head !== undefined) loop.wake(head);
    }
  }

  /** Brings the loops in line with the leases: drops what was lost, hands back what is another's turn, takes what is free. */
  async reconcile(leases: readonly LeaseRow[], roster: readonly MemberRow[]): Promise<void> {
    if (this.#stopping !== undefined) return;
    const own = leases.filter((lease) => lease.group === this.row.group && this.row.topics.includes(lease.topic));
    const mine = new Map(own.filter((lease) => lease.member === this.row.member).map((lease) => [lease.id, lease]));
    for (const [id, loop] of this.#loops) {
      const lease = mine.get(id);
      if (lease?.epoch === loop.claim.epoch) loop.confirm(lease.committed);
      else this.#drop(id, loop);
    }
    const plan = planFor(this.row.member, own, roster.filter((row) => row.group === this.row.group));
    for (const id of plan.handBack) this.#handBack(id, mine.get(id)!.epoch);
    // A claim whose answer was lost on the way leaves a lease without a loop: claim it anew.
    const orphaned = [...mine.keys()].filter((id) => !this.#loops.has(id) && !this.#handingBack.has(id) && !plan.handBack.includes(id));
    // A partition may come back before its former handler has ended: two batches of it must not overlap, here least of all,
    // where they would share caches and lanes. Whoever ends looks again.
    await this.#claim([...plan.claim, ...orphaned].filter((id) => !this.#finishing.has(id)));
  }

  async #claim(partitionIds: readonly number[]): Promise<void> {
    if (partitionIds.length === 0) return;
    const claims = await this.#host.db.claim(this.row.member, this.row.group, partitionIds);
    for (const claim of claims) {
      if (this.#stopping !== undefined) return;
      const loop = new PartitionLoop(this.#host.db, claim, this.#options, this.#host.report);
      this.#loops.set(claim.id, loop);
      loop.wake();
    }
  }

  #drop(id: number, loop: PartitionLoop): void {
    this.#loops.delete(id);
    const ended = loop.stop().catch((error: unknown) => this.#host.report(error, 'drop partition'));
    this.#finishing.set(id, ended.finally(() => {
      this.#finishing.delete(id);
      this.#host.groupChanged(this.row.group);
    }));
  }

  #handBack(id: number, epoch: bigint): void {
    if (this.#handingBack.has(id)) return;
    const loop = this.#loops.get(id);
    const work = (async () => {
      await loop?.stop();
      this.#loops.delete(id);
      await this.#host.db.release(this.row.group, id, epoch);
      this.#host.groupChanged(this.row.group);
    })().catch((error: unknown) => this.#host.report(error, 'hand back partition'));
    this.#handingBack.set(id, work.finally(() => this.#handingBack.delete(id)));
  }

  async #leave(): Promise<void> {
    await Promise.all([...this.#handingBack.values(), ...this.#finishing.values(), ...[...this.#loops.values()].map((loop) => loop.stop())]);
    this.#loops.clear();
    this.#host.left(this);
    // Without a database the lease runs out by itself.
    await this.#host.db.leave(this.row.member).catch((error: unknown) => this.#host.report(error, 'leave group'));
    this.#host.groupChanged(this.row.group);
  }

  #find(topic: string, partition: number): PartitionLoop | undefined {
    return [...this.#loops.values()].find(({ claim }) => claim.topic === topic && claim.partition === partition);
  }
}
