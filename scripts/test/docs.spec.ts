import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../libs/clients/cli/src/command-line.js';
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


const examples = [...read('docs/operating.md').matchAll(/npx skein ([^`\n#]+)/g)].map(([, line]) => (line as string).trim());

test.each(examples)('skein %s is a command of the tool', (line) => {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const { command, help } = readCommandLine(words);
  expect(command !== undefined || help).toBe(true);
});

test('the page has examples', () => expect(examples.length).toBeGreaterThan(12));
