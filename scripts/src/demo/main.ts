import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddressBook } from '@skein/contracts-evm';
import { startOtlpSink, type OtlpSink } from '@skein/testing/otlp-sink';
import { cpuSecondsOf, partyOf, type Party } from '../bench/idle/cpu.js';
import { SkeinProcess } from '../process/skein-process.js';
import { commandOf, processTree, treePssMiB } from '../process/tree.js';
import { castOf, everybody } from './cast.js';
import { chapters } from './chapters/index.js';
import { storyData } from '../data/story-data.js';
import { planKills } from './kill-plan.js';
import { Moments } from './moments.js';
import { DEMO_HELP, parseDemoOptions, type DemoOptions } from './options.js';
import { playStory } from './play.js';
import { Printer } from './printer.js';
import { fingerprintOf, newReport, type Report } from './report.js';
import type { Story } from './story.js';
import { tracedBy } from './trace-check.js';
import { Victims } from './victims.js';

/** Memory of the demo's own processes without Skein's, sampled while the story runs. */
function watchClients(skein: SkeinProcess, report: Report): NodeJS.Timeout {
  return setInterval(() => {
    const skeinTree = new Set(processTree(skein.pid).map(({ pid }) => pid));
    const own = treePssMiB(process.pid, (pid) => !skeinTree.has(pid));
    report.clientsMiBPeak = Math.max(report.clientsMiBPeak, Math.round(own));
  }, 1000).unref();
}

const cpuTimeOf = (skein: SkeinProcess): Record<Party, number> => cpuSecondsOf(processTree(skein.pid).map(({ pid, name }) => ({ pid, party: partyOf(name, commandOf(pid)) })));

async function begin(options: DemoOptions, skein: SkeinProcess, sink: OtlpSink | undefined, printer: Printer, endings: Story['endings']): Promise<Story> {
  const report = newReport(options.seed);
  const playable = new Map(chapters.filter(({ moments }) => moments.length > 0).map(({ number, moments }) => [number, moments] as const));
  const plan = planKills(options.seed, options.kills, new Map([...playable].map(([number, moments]) => [number, moments.length])));
  report.readyMs = Math.round(await skein.start());
  report.memoryMiBReady = Math.round(skein.memoryMiB());
  report.cpuSecondsReady = cpuTimeOf(skein);
  const devnet = skein.devnet();
  const seed = `demo/${options.seed}`;
  const moments = new Moments(skein, printer, plan, playable, new Victims(options.seed));
  return { options, seed, printer, skein, devnet, book: parseAddressBook(devnet.addressBook), cast: await castOf(seed, devnet), data: storyData(options.seed), moments, report, threads: {}, sink, endings };
}

function finish(story: Story, skein: SkeinProcess, startedMs: number): void {
  const { report, options, printer } = story;
  report.totalMs = Math.round(performance.now() - startedMs);
  report.memoryMiBPeak = Math.round(Math.max(skein.memoryMiBPeak, report.memoryMiBReady));
  report.cpuSeconds = cpuTimeOf(skein);
  if (story.sink !== undefined) report.spans = story.sink.spans().length;
  report.fingerprint = fingerprintOf(report);
  if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
  printer.line(`verified: ${report.chapters.length} chapters with seed ${report.seed}, ${story.moments.kills} kills, in ${(report.totalMs / 1000).toFixed(1)} s; Skein's memory at the peak ${report.memoryMiBPeak} MiB, the demo's clients ${report.clientsMiBPeak} MiB`);
  printer.line(`fingerprint ${report.fingerprint}`);
}

const interrupted = (): Promise<'interrupted'> => new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((name) => process.once(name, () => resolve('interrupted'))));

/** The launcher's death is ours: a demo without its terminal must not leave Skein behind. */
const orphaned = (): Promise<'interrupted'> => {
  const parent = process.ppid;
  return new Promise((resolve) => setInterval(() => process.ppid !== parent && resolve('interrupted'), 500).unref());
};

async function run(options: DemoOptions): Promise<number> {
  const folder = options.data ?? mkdtempSync(join(tmpdir(), 'skein-demo-'));
  const sink = options.traces === true ? await startOtlpSink() : undefined;
  const skein = new SkeinProcess({ ...(sink === undefined ? {} : { env: tracedBy(sink) }), target: options.target, data: folder, portBase: options.portBase, seed: `demo/${options.seed}`, ...(options.eventLog === undefined ? {} : { eventLog: options.eventLog }), ...(options.instances === undefined ? {} : { instances: options.instances }) });
  const printer = new Printer();
  const startedMs = performance.now();
  const end = Promise.race([interrupted(), orphaned()]);
  let watcher: NodeJS.Timeout | undefined;
  const endings: Story['endings'] = [];
  try {
    const told = (async () => {
      const story = await begin(options, skein, sink, printer, endings);
      watcher = watchClients(skein, story.report);
      await playStory(story);
      finish(story, skein, startedMs);
      everybody(story.cast).forEach((actor) => actor.close());
    })();
    if ((await Promise.race([told, end])) === 'interrupted') return 130;
    if (options.keep) {
      printer.line(`staying up at ${skein.devnet().frontUrl}; data in ${folder}; Ctrl-C ends it`);
      await end;
    }
    return 0;
  } catch (error) {
    process.stderr.write(`\nthe demo failed: ${(error as Error).stack ?? String(error)}\n${skein.crashed ? `Skein itself ended. ` : ''}Its last output:\n${skein.lastOutput()}\n`);
    return 1;
  } finally {
    clearInterval(watcher);
    await endAll(skein, endings, options.data === undefined ? folder : undefined);
    await sink?.stop();
  }
}

/** Ends clients and Skein side by side and removes the folder, whatever of it fails: nobody's rows stay behind. */
async function endAll(skein: SkeinProcess, endings: Story['endings'], folder: string | undefined): Promise<void> {
  const ended = await Promise.allSettled([skein.stop(), ...endings.map((ending) => ending())]);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  for (const one of ended) if (one.status === 'rejected') process.stderr.write(`while ending: ${String(one.reason)}\n`);
  if (ended.some(({ status }) => status === 'rejected')) process.exitCode = 1;
}

function options(): DemoOptions | undefined {
  try {
    return parseDemoOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee npm run demo -- --help\n`);
    process.exit(2);
  }
}

const asked = options();
if (asked === undefined) process.stdout.write(DEMO_HELP);
else {
  const code = await run(asked);
  process.exit(process.exitCode ?? code);
}
