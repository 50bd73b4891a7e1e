import { create, toBinary } from '@bufbuild/protobuf';
import { OperationsService, type DeadLetter } from '@skein/contracts/operations';
import { PositionChangedSchema } from '@skein/contracts/staking';
import { uuidV8From } from '@skein/kernel';
import { eventLogFromUrl, type PublicMessage } from '@skein/messaging';
import type { Facts } from './final-state.js';
import { dismiss, peopleOf, type People } from './people.js';
import type { Play } from './play.js';
import { eventually } from './scenario.js';
import type { Run } from './stage.js';
import { countsOf, linesOf } from './stored-state.js';

const TOPIC = 'staking.position.v1';
const TYPE = 'skein.staking.position.changed.v1';
/** Who reads the topic: one that others may go on without, whose keys are parked, and one that money follows from, which halts. */
const PARKS = { service: 'fl-aggregator', context: 'federation', group: 'fl-aggregator.stakes', copy: 'SELECT version::text AS line FROM stake_position WHERE wallet = $1' } as const;
const HALTS = { service: 'arena', context: 'arena', group: 'arena.stakes', copy: 'SELECT version::text AS line FROM arena_stake_wallet WHERE wallet = $1' } as const;
const READERS = [PARKS, HALTS] as const;
type Reader = (typeof READERS)[number];

/** A header that every consumer judges before it decodes, as it came and as an operator mends it. */
const MISLABELLED = { ce_specversion: '0.3' };
const MENDED = { ce_specversion: '1.0' };

const walletOf = (name: string): string => `eip155:31337:0x${uuidV8From('chaos', 'repairs', name).replaceAll('-', '').padEnd(40, '0')}`;
const WALLETS = { again: walletOf('met again'), mended: walletOf('mended'), unreadable: walletOf('unreadable') };

function position(wallet: string, version: bigint): PublicMessage {
  const id = uuidV8From('chaos', 'repairs', wallet, version);
  const value = toBinary(PositionChangedSchema, create(PositionChangedSchema, { wallet, version, stakes: [] }));
  const headers = { ce_specversion: '1.0', ce_id: id, ce_type: TYPE, ce_source: '/skein/staking/position/v1', ce_subject: `position-${wallet}`, ce_time: new Date(0).toISOString(), 'content-type': 'application/protobuf', ce_streamversion: String(version), ce_position: String(version), ce_correlationid: id };
  return { topic: TOPIC, key: `position-${wallet}`, id, type: TYPE, timeMs: 0, value, headers };
}

/** One performance: a stranger who sends what cannot be handled, and an operator who sees to it. */
class Repairs {
  readonly #run: Run;
  readonly #people: People;
  #asked = 0;
  constructor(run: Run, people: People) {
    this.#run = run;
    this.#people = people;
  }

  async play(at: (moment: string) => void): Promise<void> {
    const first = position(WALLETS.again, 1n);
    at('known');
    await this.#send(first);
    await this.#copied(WALLETS.again, '1');
    at('met again');
    await this.#send({ ...first, value: toBinary(PositionChangedSchema, create(PositionChangedSchema, { wallet: WALLETS.again, version: 9n, stakes: [] })) }, position(WALLETS.again, 2n));
    await this.#met();
    at('driven through');
    await this.#emptied(PARKS, (operator) => operator.redriveDeadLetters({ requestId: this.#requestId(), group: PARKS.group }));
    await this.#givenUp(HALTS);
    await this.#copied(WALLETS.again, '2');
    at('mislabelled');
    const labelled = position(WALLETS.mended, 1n);
    await this.#send({ ...labelled, headers: { ...labelled.headers, ...MISLABELLED } }, position(WALLETS.mended, 2n));
    await this.#met();
    at('mended');
    await Promise.all(READERS.map((reader) => this.#mended(reader)));
    await this.#copied(WALLETS.mended, '2');
    at('unreadable');
    await this.#send({ ...position(WALLETS.unreadable, 1n), value: new Uint8Array([10, 200, 1]) }, position(WALLETS.unreadable, 2n));
    await this.#met();
    at('given up');
    await Promise.all(READERS.map((reader) => this.#givenUp(reader)));
    await this.#copied(WALLETS.unreadable, '2');
  }

  /** How each message ended, and what the two copies hold. */
  async facts(): Promise<Facts> {
    const ends = await Promise.all(READERS.map(async (reader): Promise<Facts> => ({
      [`${reader.service} letters`]: await this.#lines(reader, `SELECT group_name || ' ' || coalesce(outcome, 'open') || ' ' || count(*) AS line FROM dead_letters GROUP BY group_name, outcome ORDER BY 1`),
      [`${reader.service} halts`]: await this.#lines(reader, `SELECT group_name || ' discarded ' || (discarded_at IS NOT NULL) || ', passed ' || (cleared_at IS NOT NULL) || ' ' || count(*) AS line FROM consumer_halts GROUP BY group_name, discarded_at IS NOT NULL, cleared_at IS NOT NULL ORDER BY 1`),
      [`${reader.service} positions`]: (await Promise.all(Object.values(WALLETS).map((wallet) => this.#lines(reader, reader.copy, [wallet])))).flat(),
    })));
    return { ...(Object.assign({}, ...ends) as Facts), ...(await countsOf(this.#run.cluster)) };
  }

  close(): void {
    dismiss(this.#people);
  }

  /** As a relay would: again until the log has taken all. */
  async #send(...messages: PublicMessage[]): Promise<void> {
    const log = eventLogFromUrl({ url: this.#run.cluster.eventLog.url, clientId: 'skein-chaos', onError: () => undefined });
    try {
      await eventually(() => log.send(messages));
    } finally {
      await log.close();
    }
  }

  /** One message is parked with the one behind it, and the other group has halted. */
  #met(): Promise<void> {
    return eventually(async () => {
      const states = (await Promise.all(READERS.map((reader) => this.#letters(reader)))).flat().map(({ state }) => state).join();
      if (states !== 'failed,waits,halted') throw new Error(`the letters are ${states}`);
    });
  }

  #copied(wallet: string, version: string): Promise<void> {
    return eventually(async () => {
      const copies = (await Promise.all(READERS.map((reader) => this.#lines(reader, reader.copy, [wallet])))).flat();
      if (copies.join() !== `${version},${version}`) throw new Error(`the copies of ${wallet} are at ${copies.join()}, not at ${version}`);
    });
  }

  /** An operator gives up what failed, as often as it takes. */
  #givenUp(reader: Reader): Promise<void> {
    return this.#emptied(reader, async (operator) => {
      const letter = (await this.#letters(reader)).find(({ state }) => state === 'failed' || state === 'halted');
      if (letter !== undefined) await operator.discardDeadLetter({ requestId: this.#requestId(), id: letter.id, reason: 'sent wrong' });
    });
  }

  /** An operator mends the header of what was refused; where a process died behind its kept repair, once more. */
  #mended(reader: Reader): Promise<void> {
    return this.#emptied(reader, async (operator) => {
      const letter = (await this.#letters(reader)).find(({ state }) => state === 'failed' || state === 'halted');
      if (letter !== undefined) await operator.repairDeadLetter({ requestId: this.#requestId(), id: letter.id, headers: MENDED, oversize: false, reason: 'labelled wrong' });
      else await operator.redriveDeadLetters({ requestId: this.#requestId(), group: reader.group });
    });
  }

  #emptied(reader: Reader, act: (operator: ReturnType<Repairs['operator']>) => Promise<unknown>): Promise<void> {
    return eventually(async () => {
      if ((await this.#letters(reader)).length === 0) return;
      await act(this.operator(reader));
      const left = await this.#letters(reader);
      if (left.length > 0) throw new Error(`${reader.group} has ${left.map(({ id, state }) => `${id} ${state}`).join(', ')}`);
    });
  }

  operator({ service }: Reader) {
    return this.#people.operator.client(OperationsService, service);
  }

  async #letters(reader: Reader): Promise<DeadLetter[]> {
    return (await this.operator(reader).listDeadLetters({ context: reader.context })).deadLetters;
  }

  #lines({ service }: Reader, sql: string, values: unknown[] = []): Promise<string[]> {
    return linesOf(this.#run.cluster.databases[service].ownerUrl, sql, values);
  }

  /** Nothing is kept by this key: each try is a command of its own. */
  #requestId(): string {
    return this.#people.operator.requestId(`repair ${(this.#asked += 1)}`);
  }
}

/** What becomes of messages that cannot be handled: parked, halted before, redriven, discarded. */
export const repairPlay: Play = {
  moments: ['known', 'met again', 'driven through', 'mislabelled', 'mended', 'unreadable', 'given up'],
  calling: { validation: 'known', marketplace: 'known' },
  begin: async (run) => {
    const repairs = new Repairs(run, await peopleOf(run.devnet));
    return { play: (at) => repairs.play(at), facts: () => repairs.facts(), close: async () => repairs.close() };
  },
};
