import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// A row of es_snapshot is read by whatever program has a codec of that name and version. So what a version means is decided once:
// each service's spec compares what its codec writes with the file of its version, and here the files cannot change.

const services = fileURLToPath(new URL('../../services/', import.meta.url));
const files = globSync('*/test/golden/snapshots/*.json', { cwd: services }).sort();

test('a state that was kept once is frozen: another shape or meaning of it is a new version with a file of its own', () => {
  const actual = files.map((file) => `${createHash('sha256').update(readFileSync(services + file)).digest('hex')}  ${file.replace('/test/golden/snapshots', '')}`);
  const frozen = readFileSync(new URL('./golden-snapshots.sha256', import.meta.url), 'utf8').trimEnd().split('\n');
  expect(actual).toEqual(frozen);
});

test('every codec of a state that money or emission follows from has the file of its version', () => {
  const sources = globSync('{arena,billing,marketplace}/src/domain/**/*.ts', { cwd: services }).map((file) => ({ service: file.split('/')[0], text: readFileSync(services + file, 'utf8') }));
  const codecs = sources.flatMap(({ service, text }) => [...text.matchAll(/name: '([a-z-]+)',\s+version: (\d+),\s+every:/g)].map(([, name, version]) => `${service}/test/golden/snapshots/${name}.v${version}.json`));
  expect(codecs.length).toBeGreaterThan(2);
  expect(codecs.filter((file) => !files.includes(file))).toEqual([]);
});
