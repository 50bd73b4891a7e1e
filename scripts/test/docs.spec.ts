import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { HELP } from '../../deploy/all-in-one/src/options.js';
import { DEMO_HELP } from '../src/demo/options.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const read = (page: string): string => readFileSync(join(root, page), 'utf8');
const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;

describe.each(pages)('%s', (page) => {
  test('names only npm scripts that exist', () => {
    const named = [...read(page).matchAll(/npm (?:run )?(demo|start|test|check|bench|build|codegen|[a-z]+:[a-z:]+)\b/g)].map(([, name]) => name as string);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
  test('links only to files that exist', () => {
    const links = [...read(page).matchAll(/\]\(([^)#:]+)\)/g)].map(([, to]) => to as string);
    expect(links.filter((to) => !existsSync(join(root, dirname(page), to)))).toEqual([]);
  });
});

test('every option that the README gives to demo or start is one of their help', () => {
  const rows = read('README.md').split('\n').filter((line) => /npm (start|run demo)/.test(line));
  const options = rows.flatMap((line) => [...line.matchAll(/--[a-z-]+/g)].map(([option]) => option)).filter((option) => option !== '--');
  expect(options.length).toBeGreaterThan(5);
  for (const option of options) expect(HELP + DEMO_HELP).toContain(option);
});

