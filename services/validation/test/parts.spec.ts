import { describe, expect, it } from 'vitest';
import { manifestHash, manifestOf, runnerManifest } from '../src/application/manifests.js';
import { BoundedCache } from '../src/infrastructure/bounded-cache.js';
import { idOf } from '../src/interface/names.js';
import { pageToken, readPageToken } from '../src/interface/page-token.js';
import { manifestOf as manifestFixture } from './evaluation.fixtures.js';

describe('BoundedCache', () => {
  it('makes a value once for all who want it at the same time, and keeps the ones used last', async () => {
    const cache = new BoundedCache<string>(2);
    const made: string[] = [];
    const get = (key: string) => cache.get(key, async () => (made.push(key), key.toUpperCase()));
    expect(await Promise.all([get('a'), get('a'), get('b')])).toEqual(['A', 'A', 'B']);
    await get('a');
    await get('c');
    await get('a');
    await get('b');
    expect(made).toEqual(['a', 'b', 'c', 'b']);
  });

  it('does not keep a failure', async () => {
    const cache = new BoundedCache<number>(2);
    await expect(cache.get('k', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await cache.get('k', async () => 1)).toBe(1);
  });
});

describe('manifests', () => {
  it('go from runner to domain and back', () => {
    const kept = manifestFixture(0.75);
    const forRunner = runnerManifest(kept)!;
    expect(forRunner).toMatchObject({ result: 0.75, datasetSha256: kept.dataSetSha256 });
    expect(manifestOf(forRunner)).toEqual(kept);
    expect(manifestHash(kept)).toMatch(/^[0-9a-f]{64}$/);
    expect(manifestHash({ ...kept, threads: 2 })).not.toBe(manifestHash(kept));
  });

  it('that no runner of ours can follow are told apart', () => {
    for (const odd of [{ metric: 'bleu' }, { executionProvider: 'cuda' }, { graphOptimisation: 'wild' }]) expect(runnerManifest({ ...manifestFixture(0.75), ...odd })).toBeUndefined();
  });
});

describe('names and tokens', () => {
  const id = '11111111-1111-8111-8111-111111111111';
  it('read what they wrote', () => {
    expect(idOf('verdicts', `verdicts/${id}`)).toBe(id);
    expect(readPageToken(pageToken({ position: '12', id }))).toEqual({ position: '12', id });
    expect(readPageToken('')).toBeUndefined();
  });

  it.each(['', id, `scores/${id}`, 'verdicts/', `verdicts/${id}/x`, 'verdicts/1'])('"%s" names no verdict', (name) => {
    expect(() => idOf('verdicts', name)).toThrow('there is no such resource');
  });

  it.each(['x', 'W10', Buffer.from('["1; DROP","x"]').toString('base64url'), Buffer.from('{}').toString('base64url')])('%s is no page token', (token) => {
    expect(() => readPageToken(token)).toThrow('no page token');
  });

});
