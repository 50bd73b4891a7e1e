import { expect, test } from 'vitest';
import { parseNodeArguments, schemaOf } from './options.js';

const argv = ['--address', '127.0.0.1:9', '--task', 'federatedTasks/x', '--rows', 'rows.csv', '--key-file', 'key', '--label', 'diabetes', '--classes', 'neg,pos'];

test('a whole command line, with defaults', () => {
  expect(parseNodeArguments(argv)).toEqual({
    address: '127.0.0.1:9', task: 'federatedTasks/x', rowsFile: 'rows.csv', keyFile: 'key', label: 'diabetes', classes: ['neg', 'pos'],
    domain: 'localhost', chainId: 31_337, endWithParent: false,
  });
});

test.each(['address', 'task', 'rows', 'key-file', 'label', 'classes'])('--%s is required', (name) => {
  const at = argv.indexOf(`--${name}`);
  expect(() => parseNodeArguments([...argv.slice(0, at), ...argv.slice(at + 2)])).toThrow(`--${name} is missing`);
});

test('a chain id is a positive integer, an unknown option is refused', () => {
  expect(() => parseNodeArguments([...argv, '--chain-id', '0'])).toThrow('--chain-id');
  expect(() => parseNodeArguments([...argv, '--sabotage', 'yes'])).toThrow('--sabotage');
});

test('every column but the label is a feature, whatever the line ends', () => {
  expect(schemaOf('a,b,label\r\n1,2,x\r\n', 'label', ['x', 'y'])).toEqual({ features: ['a', 'b'], label: 'label', classes: ['x', 'y'] });
});
