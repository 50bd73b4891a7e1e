import { setTimeout as wait } from 'node:timers/promises';
import type { SkeinProcess } from '../process/skein-process.js';
import type { PlannedKill } from './kill-plan.js';
import type { Printer } from './printer.js';
import type { Victims } from './victims.js';

/**
 * The named moments of the chapters. When the story reaches one that the kill plan names, Skein is killed a little later,
 * while the chapter goes on calling, and started again. A chapter ends only when its kill is over.
 */
export class Moments {
  kills = 0;
  private readonly skein: SkeinProcess;
  private readonly printer: Printer;
  private readonly plan: readonly PlannedKill[];
  private readonly names: ReadonlyMap<number, readonly string[]>;
  private readonly victims: Victims;
  private running: Promise<void> | undefined;

  constructor(skein: SkeinProcess, printer: Printer, plan: readonly PlannedKill[], names: ReadonlyMap<number, readonly string[]>, victims: Victims) {
    this.skein = skein;
    this.printer = printer;
    this.plan = plan;
    this.names = names;
    this.victims = victims;
  }

  /** Says that the story is at a moment of a chapter; throws for a moment that the chapter never declared. */
  reach(chapter: number, name: string): void {
    const index = this.names.get(chapter)?.indexOf(name) ?? -1;
    if (index < 0) throw new Error(`chapter ${chapter} declares no moment "${name}"`);
    const kill = this.plan.find((planned) => planned.chapter === chapter && planned.moment === index);
    if (kill === undefined) return;
    this.running = this.strike(kill, name);
    // Whoever waits for the kill is told. Until then it must not end the demo, which still has to clean up.
    this.running.catch(() => undefined);
  }

  /** Waits for a kill under way; rethrows what went wrong with it. */
  async settled(): Promise<void> {
    await this.running;
    this.running = undefined;
  }

  private async strike({ chapter, delayMs }: PlannedKill, name: string): Promise<void> {
    await wait(delayMs);
    const where = `chapter ${chapter}, "${name}" + ${delayMs} ms`;
    const hit = this.skein.target === 'cluster' ? this.victims.draw(this.skein.serviceProcesses()) : 'whole';
    this.kills += 1;
    if (hit === 'whole') await this.strikeWhole(where);
    else await this.strikeSome(hit, where);
  }

  private async strikeWhole(where: string): Promise<void> {
    const count = await this.skein.kill();
    this.printer.line(`kill -9 of ${count} processes, ${where}`);
    const readyMs = await this.skein.start();
    this.printer.line(`Skein is back and ready after ${Math.round(readyMs)} ms`);
  }

  /** The cluster itself starts them again. */
  private async strikeSome(hit: readonly { readonly name: string; readonly pid: number }[], where: string): Promise<void> {
    const started = performance.now();
    await Promise.all(hit.map(({ pid }) => this.skein.killOne(pid)));
    this.printer.line(`kill -9 of ${hit.map((one) => one.name).join(', ')}, ${where}`);
    await this.skein.untilWhole();
    this.printer.line(`all of Skein is ready again after ${Math.round(performance.now() - started)} ms`);
  }
}
