import { expect, test } from 'vitest';
import { hottest } from './profile.js';

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber });

test('functions come by their own time, without what is idle, with package or lib and file', () => {
  const nodes = [
    { id: 1, callFrame: frame('(root)') }, { id: 2, callFrame: frame('(idle)') }, { id: 3, callFrame: frame('(garbage collector)') },
    { id: 4, callFrame: frame('parse', 'file:///x/node_modules/@bufbuild/protobuf/dist/esm/from-json.js', 9) }, { id: 5, callFrame: frame('', 'file:///x/libs/platform/dist/rest/rest-server.js', 4) },
    { id: 6, callFrame: frame('parse', 'file:///x/node_modules/@bufbuild/protobuf/dist/esm/from-json.js', 9) },
  ];
  expect(hottest({ nodes, samples: [1, 2, 3, 4, 5, 6], timeDeltas: [9, 900, 20, 30, 40, 10] })).toEqual([
    { function: 'parse', at: '@bufbuild/protobuf/from-json.js', selfShare: 0.4 },
    { function: '(anonymous)', at: 'platform/rest-server.js', selfShare: 0.4 },
    { function: '(garbage collector)', at: '', selfShare: 0.2 },
  ]);
});
