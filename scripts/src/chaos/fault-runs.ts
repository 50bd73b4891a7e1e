import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import type { Fault } from './fault.js';
import { notRun, OUTPUT_SHOWN, outcomeOf, type Suite } from './kill-runs.js';
import { newLine, type Line } from './report.js';

/** One fault that is no kill at a failpoint, once for each seed. */
export async function faultRuns(suite: Suite, fault: Fault, seeds: readonly number[]): Promise<Line> {
  const line = newLine(fault.name, fault.what);
  const why = await fault.impossible?.();
  if (why !== undefined) return { ...line, skipped: why };
  for (const [index, seed] of seeds.entries()) {
    if (suite.late()) {
      notRun(line, seed, 'not prepared');
      continue;
    }
    const random = new DeterministicRandom(sha256(utf8(`skein/chaos/${fault.name}/${seed}`)));
    const prepared = await fault.prepare(suite.ground, random);
    const result = await suite.attempt(prepared.disturbance, prepared.stage);
    suite.progress(outcomeOf(`${index + 1} of ${seeds.length}: ${fault.name}, ${prepared.story}`, result));
    if (result.problems.length > 0 && suite.verbose) suite.progress(result.output.slice(-OUTPUT_SHOWN).join('\n'));
    line.runs += 1;
    const hits = prepared.struck(result.hits);
    line.hits += hits;
    line.ms += result.tookMs;
    const problems = [...result.problems, ...(hits === 0 ? ['it did not strike'] : [])];
    if (problems.length === 0) line.passed += 1;
    else {
      line.failed += 1;
      line.failures.push({ seed, story: prepared.story, problems });
    }
  }
  return line;
}
