import * as contracts from '@skein/contracts-evm';
import { gmExchangeAbi } from '@skein/contracts-evm';
import fc from 'fast-check';
import { decodeEventLog, encodeAbiParameters, encodeEventTopics, type Abi, type AbiEvent, type AbiParameter, type Hex } from 'viem';
import { expect, test } from 'vitest';
import { decodeFact, factTopics, topicsOf, type ContractKind } from './decode-log.js';
import { EventWords } from './event-words.js';

const KINDS: readonly ContractKind[] = ['gmExchange', 'taskStaking', 'poolManager', 'delegationPool', 'emission', 'rewards', 'federationTask', 'registry'];
const ABIS: Readonly<Record<ContractKind, Abi>> = {
  gmExchange: contracts.gmExchangeAbi,
  taskStaking: contracts.taskStakingAbi,
  poolManager: contracts.poolManagerAbi,
  delegationPool: contracts.delegationPoolAbi,
  emission: contracts.emissionAbi,
  rewards: contracts.rewardsAbi,
  federationTask: contracts.federationTaskAbi,
  registry: contracts.parameterRegistryAbi,
};
const wallet = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const POOL = '0x00000000000000000000000000000000000000AA';

const eventsOf = (abi: Abi): AbiEvent[] => abi.filter((item) => item.type === 'event');
const hexOf = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`);

/** Any value of a parameter, as viem takes it; roles are enums and may not be anything. */
function valueOf(parameter: AbiParameter): fc.Arbitrary<unknown> {
  const { type } = parameter;
  if (type === 'tuple') {
    const { components } = parameter as AbiParameter & { components: readonly AbiParameter[] };
    return fc.record(Object.fromEntries(components.map((part) => [part.name!, valueOf(part)])));
  }
  if (type === 'address') return hexOf(20);
  if (type === 'bool') return fc.boolean();
  if (type.startsWith('bytes')) return hexOf(Number(type.slice(5)));
  const bits = Number(type.slice(4));
  if (parameter.internalType?.startsWith('enum') === true) return fc.integer({ min: 0, max: 2 });
  return bits <= 48 ? fc.integer({ min: 0, max: Math.min(2 ** bits - 1, 2 ** 40) }) : fc.bigInt(0n, 2n ** BigInt(bits) - 1n);
}

function encode(event: AbiEvent, args: Record<string, unknown>): { topics: Hex[]; data: Hex } {
  const plain = event.inputs.filter((input) => input.indexed !== true);
  return {
    topics: encodeEventTopics({ abi: [event], eventName: event.name, args }) as Hex[],
    data: encodeAbiParameters(plain, plain.map((input) => args[input.name!])),
  };
}

const lower = (value: unknown): unknown => {
  if (typeof value === 'string') return value.toLowerCase();
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, lower(part)]));
};

test.each(KINDS.map((kind) => [kind]))('logs of %s are read as viem reads them, and each is a fact', (kind) => {
  const wanted = eventsOf(ABIS[kind]).filter((event) => topicsOf(kind).includes(encodeEventTopics({ abi: [event] })[0] as Hex));
  expect(wanted).toHaveLength(topicsOf(kind).length);
  for (const event of wanted) {
    const words = new EventWords(ABIS[kind], [event.name]);
    const values = fc.record(Object.fromEntries(event.inputs.map((input) => [input.name!, valueOf(input)])));
    fc.assert(
      fc.property(values, (args) => {
        const log = encode(event, args);
        const expected = decodeEventLog({ abi: [event], topics: log.topics as [Hex, ...Hex[]], data: log.data });
        expect(words.decode(log)).toEqual({ eventName: expected.eventName, args: lower(expected.args) });
        expect(decodeFact(31337, kind, POOL, log)).toHaveProperty('kind');
      }),
      { numRuns: 20, seed: 11 },
    );
  }
});

test('a log of another shape, or with a word that its type does not allow, is refused', () => {
  const event = eventsOf(gmExchangeAbi).find(({ name }) => name === 'Locked')!;
  const args = { lockId: 3n, owner: wallet, amount: 5n, gm: 6n, multiplier: 10_000n, feeBps: 513, unlockTime: 1_800_000_000 };
  const log = encode(event, args);
  const refused = (changed: Partial<typeof log>): void => {
    expect(() => decodeFact(31337, 'gmExchange', POOL, { ...log, ...changed })).toThrow();
  };
  expect(decodeFact(31337, 'gmExchange', POOL, log)).toMatchObject({ kind: 'locked', wallet: `eip155:31337:${wallet}`, feeBps: 513 });
  refused({ data: log.data.slice(0, -64) as Hex });
  refused({ data: `${log.data}00` });
  refused({ topics: log.topics.slice(0, 2) });
  refused({ topics: [log.topics[0]!, log.topics[1]!, `0x01${log.topics[2]!.slice(4)}`] });
  const wide = `0x${log.data.slice(2, 2 + 192)}${'f'.repeat(64)}${log.data.slice(2 + 256)}` as Hex;
  refused({ data: wide });
  refused({ topics: encodeEventTopics({ abi: gmExchangeAbi, eventName: 'ParametersChanged' }) as Hex[] });
});

test('a pool’s log carries the pool, a rewards’ log its contract, and nobody is nobody', () => {
  const find = (abi: Abi, name: string): AbiEvent => eventsOf(abi).find((event) => event.name === name)!;
  const funded = encode(find(contracts.delegationPoolAbi, 'Funded'), { epoch: 4n, amount: 5n, rewardIndex: 6n, carry: 7n, totalShares: 8n });
  expect(decodeFact(1, 'delegationPool', POOL, funded)).toEqual({
    kind: 'pool-funded', pool: POOL.toLowerCase(), epoch: 4, amount: 5n, rewardIndex: 6n, carry: 7n, totalShares: 8n,
  });
  const paid = { account: wallet, stream: `0x${'00'.repeat(32)}`, epoch: 4n, to: wallet, amount: 5n, fee: 1n, paid: 9n };
  const fact = decodeFact(1, 'rewards', POOL, encode(find(contracts.rewardsAbi, 'RewardPaid'), paid));
  expect(fact).toMatchObject({ kind: 'reward-paid', rewards: POOL.toLowerCase(), epoch: 4, paid: 9n });
  expect(fact).not.toHaveProperty('taskId');
  const stream = `0x0192f0c12b3c7def8123456789abcdef${'00'.repeat(16)}`;
  expect(decodeFact(1, 'rewards', POOL, encode(find(contracts.rewardsAbi, 'RewardPaid'), { ...paid, stream }))).toMatchObject({
    taskId: '0192f0c1-2b3c-7def-8123-456789abcdef',
  });
});

test('no two contracts give one topic two meanings', () => {
  expect(factTopics).toHaveLength(KINDS.reduce((sum, kind) => sum + topicsOf(kind).length, 0));
});
