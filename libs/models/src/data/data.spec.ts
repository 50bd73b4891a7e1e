import { DeterministicRandom, utf8 } from '@skein/kernel';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { csvSchemaOf, parseCsv, writeCsv } from './csv.js';
import type { Dataset } from './dataset.js';
import { pimaSchema, pimaZeroIsMissing } from './pima.js';
import { columnMoments, imputeZeros, rowHash, rowHashes, selectRows } from './rows.js';
import { stratifiedSplit } from './split.js';

const file = readFileSync(new URL('../../test/data/pima-diabetes.csv', import.meta.url));

function read(text: string | Uint8Array, schema = pimaSchema): Dataset {
  const result = parseCsv(text, schema);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const pima = read(file);
const positives = (data: Dataset): number => data.labels.reduce((sum, label) => sum + label, 0);

describe('parseCsv', () => {
  it('reads the Pima data set: 768 rows, 268 positive', () => {
    expect([pima.rows, positives(pima), pima.columns.length]).toEqual([768, 268, 8]);
    expect([...pima.features.slice(0, 8)]).toEqual([6, 148, 72, 35, 0, 33.6, 0.627, 50].map(Math.fround));
  });

  it('writes what it can read again', () => {
    expect(read(writeCsv(pima, 'diabetes'))).toEqual(pima);
  });

  it('tells the schema of a task’s file by its header', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    expect(csvSchemaOf(bytes('a,y,b\r\n1,2,3'), 'y')).toEqual({ features: ['a', 'b'], label: 'y' });
    expect(csvSchemaOf(bytes('a,b,y\n1,2,3'), '')).toEqual({ features: ['a', 'b'], label: 'y' });
    expect(csvSchemaOf(bytes('a,y'), 'y')).toEqual({ features: ['a'], label: 'y' });
    expect(parseCsv(bytes('\n1'), csvSchemaOf(bytes('\n1'), 'y'))).toMatchObject({ ok: false, error: { rule: 'csv-header' } });
  });

  const small = { features: ['a', 'b'], label: 'y' };
  it.each([
    ['csv-header', 'a,b\n1,2'],
    ['csv-header', 'a,a,b,y\n1,1,2,3'],
    ['csv-columns', 'a,b,y\n1,2'],
    ['csv-number', 'a,b,y\n1,two,3'],
    ['csv-number', 'a,b,y\n1,NaN,3'],
    ['csv-number', 'a,b,y\n1,1e999,3'],
    ['csv-number', 'a,b,y\n1,0x10,3'],
    ['csv-rows', 'a,b,y\n'],
  ])('refuses by %s without quoting the row', (rule, text) => {
    const result = parseCsv(text, small);
    expect(result).toMatchObject({ ok: false, error: { rule, field: 'dataset' } });
    expect(JSON.stringify(result)).not.toContain('two');
  });

  it('refuses a label that is no class, and too much', () => {
    expect(parseCsv('a,b,y\n1,2,maybe', { ...small, classes: ['no', 'yes'] })).toMatchObject({ ok: false, error: { rule: 'csv-label' } });
    expect(parseCsv('a,b,y\n1,2,3\n1,2,3', small, { rowsMax: 1, bytesMax: 100 })).toMatchObject({ ok: false, error: { rule: 'csv-rows' } });
    expect(parseCsv('a,b,y\n1,2,3', small, { rowsMax: 1, bytesMax: 3 })).toMatchObject({ ok: false, error: { rule: 'size' } });
  });

  it('reads columns by name, CRLF and a missing last line end', () => {
    expect(read('y,b,a\r\n3,2,1\r\n-0.5,2e1,+1', small)).toMatchObject({ rows: 2, features: Float32Array.of(1, 2, 1, 20), labels: Float32Array.of(3, -0.5) });
  });
});

describe('rows', () => {
  it('hash by value, not by how the file wrote them', () => {
    const one = read('a,b,y\n1.0,-0,3', { features: ['a', 'b'], label: 'y' });
    const other = read('a,b,y\n1,0,3.0', { features: ['a', 'b'], label: 'y' });
    expect(rowHash(one, 0)).toBe(rowHash(other, 0));
    expect(rowHash(one, 0)).toBe('ddfd4cf32bac23f41449d881bb1c7351cb132bd2aba90685ae45af11af005793');
    expect(new Set(rowHashes(pima)).size).toBe(768);
  });

  it('impute zeros by the median and have moments', () => {
    const filled = imputeZeros(pima, pimaZeroIsMissing);
    const glucose = Array.from({ length: 768 }, (_, row) => filled.features[row * 8 + 1]!);
    expect(Math.min(...glucose)).toBe(44);
    expect(filled.features[4]).toBe(125);
    const { mean, scale } = columnMoments(pima);
    expect(mean[0]).toBeCloseTo(3.845, 3);
    expect(scale[0]).toBeCloseTo(3.367, 3);
  });
});

describe('stratifiedSplit', () => {
  it('cuts into disjoint parts of exact sizes with the mix of the whole', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 150 }), { maxLength: 5 }), fc.uint8Array({ minLength: 1, maxLength: 8 }), (sizes, seed) => {
        const parts = stratifiedSplit(pima, sizes, new DeterministicRandom(seed));
        expect(parts.map(({ length }) => length)).toEqual([...sizes, 768 - sizes.reduce((a, b) => a + b, 0)]);
        expect(new Set(parts.flat()).size).toBe(768);
        for (const part of parts) expect(Math.abs(positives(selectRows(pima, part)) - (part.length * 268) / 768)).toBeLessThan(2 + sizes.length);
      }),
      { numRuns: 50 },
    );
  });

  it('gives the same parts for the same seed', () => {
    const cut = (seed: string) => stratifiedSplit(pima, [154, 40], new DeterministicRandom(utf8(seed)));
    expect(cut('a')).toEqual(cut('a'));
    expect(cut('a')).not.toEqual(cut('b'));
  });
});
