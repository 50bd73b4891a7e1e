import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../libs/clients/cli/src/command-line.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rules = readFileSync(join(root, 'docs/alerts.yaml'), 'utf8').split('- alert: ').slice(1)
  .map((text) => ({ name: /^\w+/.exec(text)?.[0] ?? '', expr: /expr: (.*)/.exec(text)?.[1] ?? '', text }));
const sources = globSync('{libs,services}/*/src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.spec.ts')).map((file) => readFileSync(join(root, file), 'utf8')).join('\n');

describe.each(rules)('$name', ({ expr, text }) => {
  test('asks for metrics that there are', () => {
    const metrics = [...expr.matchAll(/\b([a-z]+(?:_[a-z]+)+)\b/g)].map(([, metric]) => metric as string).filter((metric) => metric !== 'service_name');
    expect(metrics.length).toBeGreaterThan(0);
    for (const metric of metrics) expect(sources).toContain(`'${metric}'`);
  });
  test('says what to do in words of the tool', () => {
    expect(text).toMatch(/action: ".+"/);
    for (const [, words] of text.matchAll(/skein ([a-z-]+(?: [a-z-]+)?(?= |;|"))/g)) {
      const known = [words as string, (words as string).split(' ')[0] as string].some((line) => {
        try {
          return readCommandLine(`${line} --help`.split(' ')).command !== undefined;
        } catch {
          return false;
        }
      });
      expect([words, known]).toEqual([words, true]);
    }
  });
});

test('a retriable failure of more than a minute is one of them, and so is every way of a message to get stuck', () => {
  expect(rules.find(({ name }) => name === 'ConsumerRetrying')?.expr).toMatch(/consumer_retrying_seconds\) > 60$/);
  for (const metric of ['consumer_halted', 'dead_letters_total', 'consumer_lag_events', 'relay_lag_events']) expect(rules.some(({ expr }) => expr.includes(metric))).toBe(true);
});
