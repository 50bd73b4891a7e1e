import { expect, test } from 'vitest';
import { matchPath, parseTemplate } from './template.js';

test.each([
  ['/arena/v1/tasks', '/arena/v1/tasks', {}],
  ['/arena/v1/{name=tasks/*}', '/arena/v1/tasks/7', { name: 'tasks/7' }],
  ['/arena/v1/{name=tasks/*}:approve', '/arena/v1/tasks/7:approve', { name: 'tasks/7' }],
  ['/arena/v1/{name=tasks/*/submissions/*}:reveal', '/arena/v1/tasks/7/submissions/8:reveal', { name: 'tasks/7/submissions/8' }],
  ['/arena/v1/{task.name=tasks/*}', '/arena/v1/tasks/a%20b', { 'task.name': 'tasks/a b' }],
  ['/staking/v1/positions/{wallet}', '/staking/v1/positions/eip155:31337:0xab', { wallet: 'eip155:31337:0xab' }],
  ['/x/v1/{path=**}', '/x/v1/a/b/c', { path: 'a/b/c' }],
  ['/x/v1/{a=as/*}/{b=bs/*}', '/x/v1/as/1/bs/2', { a: 'as/1', b: 'bs/2' }],
])('%s matches %s', (template, path, values) => {
  expect(Object.fromEntries(matchPath(parseTemplate(template), path) ?? [['none', '']])).toEqual(values);
});

test.each([
  ['/arena/v1/{name=tasks/*}', '/arena/v1/tasks'],
  ['/arena/v1/{name=tasks/*}', '/arena/v1/tasks/'],
  ['/arena/v1/{name=tasks/*}', '/arena/v1/tasks/7/more'],
  ['/arena/v1/{name=tasks/*}:approve', '/arena/v1/tasks/7'],
  ['/arena/v1/tasks', '/arena/v1/tasksx'],
  ['/arena/v1/tasks', '/other/arena/v1/tasks'],
  ['/arena/v1/{name=tasks/*}', '/arena/v1/tasks/%zz'],
])('%s does not match %s', (template, path) => {
  expect(matchPath(parseTemplate(template), path)).toBeUndefined();
});

test('in OpenAPI each star is a parameter named after its collection', () => {
  const { openApiPath, parameters } = parseTemplate('/arena/v1/{name=tasks/*/entries/*}/{id}:open');
  expect(openApiPath).toBe('/arena/v1/tasks/{task}/entries/{entry}/{id}:open');
  expect(parameters).toEqual([{ name: 'task', field: 'name' }, { name: 'entry', field: 'name' }, { name: 'id', field: 'id' }]);
});
