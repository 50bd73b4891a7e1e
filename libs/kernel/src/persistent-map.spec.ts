import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PersistentMap } from './persistent-map.js';

/** Few keys, so that they are written again; many, so that leaves split; and some of one hash. */
const key = fc.oneof(fc.nat(40).map(String), fc.string(), fc.constantFrom('costarring', 'liquid', 'declinate', 'macallums'));

test('it is a map, and every older version stays what it was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat()), { maxLength: 400 }), (writes) => {
      const model = new Map<string, number>();
      const versions: { map: PersistentMap<number>; model: Map<string, number> }[] = [];
      let map = PersistentMap.empty<number>();
      for (const [at, [name, value]] of writes.entries()) {
        map = map.with(name, value);
        model.set(name, value);
        if (at % 50 === 0) versions.push({ map, model: new Map(model) });
      }
      for (const version of [...versions, { map, model }]) {
        expect(version.map.size).toBe(version.model.size);
        expect(new Map(version.map.entries())).toEqual(version.model);
        for (const [name, value] of version.model) expect(version.map.get(name)).toBe(value);
      }
    }),
    { numRuns: 100 },
  );
});

test('keys of the same hash lie beside each other', () => {
  const names = ['costarring', 'liquid', ...Array.from({ length: 2_000 }, (_, n) => `key ${n}`)];
  const map = names.reduce((known, name) => known.with(name, name.length), PersistentMap.empty<number>());
  expect(map.size).toBe(names.length);
  for (const name of names) expect(map.get(name)).toBe(name.length);
  expect([map.get('none'), map.has('none'), map.has('liquid'), PersistentMap.empty().get('x')]).toEqual([undefined, false, true, undefined]);
});
