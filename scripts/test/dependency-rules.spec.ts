import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

interface Rule {
  readonly name: string;
  readonly comment: string;
  readonly from: { readonly path?: string | string[] };
}
interface Report {
  readonly modules: { readonly source: string }[];
  readonly summary: { readonly violations: { readonly rule: { readonly name: string }; readonly from: string; readonly to: string }[] };
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const { forbidden } = (await import(new URL('../../.dependency-cruiser.mjs', import.meta.url).href)) as { forbidden: Rule[] };
let report: Report;

beforeAll(() => {
  const cruiser = 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs';
  const args = [cruiser, 'libs', 'services', 'deploy', 'scripts', '--config', '.dependency-cruiser.mjs', '--output-type', 'json'];
  let text: string;
  try {
    text = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  } catch (error) {
    text = (error as { stdout: string }).stdout; // it exits with the number of violations, which the tests below name
  }
  report = JSON.parse(text) as Report;
});

describe.each(forbidden)('$name', ({ name, from }) => {
  test('is not broken', () => {
    expect(report.summary.violations.filter(({ rule }) => rule.name === name).map((one) => `${one.from} → ${one.to}`)).toEqual([]);
  });

  test('watches modules that exist', () => {
    const paths = from.path === undefined ? ['.'] : [from.path].flat();
    expect(report.modules.filter(({ source }) => paths.some((path) => new RegExp(path).test(source))).length).toBeGreaterThan(0);
  });
});

test('workspace imports are followed to their sources', () => {
  expect(report.modules.some(({ source }) => source === 'libs/kernel/src/money.ts')).toBe(true);
  expect(report.modules.filter(({ source }) => /\/dist\//.test(source))).toEqual([]);
});
