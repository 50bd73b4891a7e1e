import { expect, test } from 'vitest';
import type { Header } from './chain-source.js';
import { HeaderChain } from './header-chain.js';

const header = (number: number, branch = 'a', parent = branch): Header => ({
  number,
  hash: `${branch}${number}`,
  parentHash: `${parent}${number - 1}`,
  mayHoldFacts: false,
});

function chainOf(blocks: Map<number, Header>): { headers: HeaderChain; asked: number[] } {
  const asked: number[] = [];
  const source = {
    header: async (number: number): Promise<Header | undefined> => {
      asked.push(number);
      return blocks.get(number);
    },
  };
  return { headers: new HeaderChain(source), asked };
}

test('headers between base and tip are asked for once', async () => {
  const { headers, asked } = chainOf(new Map([2, 3, 4, 5].map((number) => [number, header(number)])));
  expect((await headers.link(header(1), header(4)))?.map(({ number }) => number)).toEqual([2, 3, 4]);
  expect((await headers.link(header(2), header(6)))?.map(({ number }) => number)).toEqual([3, 4, 5, 6]);
  expect(asked).toEqual([2, 3, 5]);
});

test('a fork between two looks is noticed, and the next look starts afresh', async () => {
  const blocks = new Map([2, 3].map((number) => [number, header(number)]));
  const { headers } = chainOf(blocks);
  await headers.link(header(1), header(4));
  blocks.set(3, header(3, 'b', 'a'));
  expect(await headers.link(header(1), header(4, 'b'))).toBeUndefined();
  expect((await headers.link(header(1), header(4, 'b')))?.map(({ hash }) => hash)).toEqual(['a2', 'b3', 'b4']);
});

test('a block that is not there breaks the chain', async () => {
  const { headers } = chainOf(new Map());
  expect(await headers.link(header(1), header(3))).toBeUndefined();
});
