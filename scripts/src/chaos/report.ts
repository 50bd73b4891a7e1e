/** What became of one fault's runs. */
export interface Line {
  readonly name: string;
  readonly what: string;
  runs: number;
  /** How often it really struck, over all runs. */
  hits: number;
  passed: number;
  failed: number;
  ms: number;
  /** Why it was not run. */
  skipped?: string;
  readonly failures: { readonly seed: number; readonly story: string; readonly problems: readonly string[] }[];
}

export const newLine = (name: string, what: string): Line => ({ name, what, runs: 0, hits: 0, passed: 0, failed: 0, ms: 0, failures: [] });

/** A fault that never struck has proved nothing. */
export const isGood = (line: Line): boolean => line.skipped !== undefined || (line.failed === 0 && line.hits > 0);

const HEAD = ['fault', 'runs', 'hit', 'passed', 'failed', 's/run'] as const;
const WIDTHS = [28, 5, 6, 7, 7, 7];

const padded = (cells: readonly string[]): string => cells.map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0] as number) : cell.padStart(WIDTHS[index] as number))).join(' ');

export const tableHead = (): string => padded(HEAD);

/** One line of the table. */
export function row(line: Line): string {
  if (line.skipped !== undefined) return `${line.name.padEnd(WIDTHS[0] as number)} skipped: ${line.skipped}`;
  const numbers = [line.runs, line.hits, line.passed, line.failed].map(String);
  return `${padded([line.name, ...numbers, (line.ms / Math.max(1, line.runs) / 1000).toFixed(1)])}  ${isGood(line) ? line.what : line.hits === 0 ? 'NEVER STRUCK' : 'FAILED'}`;
}

/** What the scenario may take where nothing is broken. */
const UNDISTURBED_MS_MAX = 10_000;

/** How long undisturbed runs took, by what is played; the short scenario is to take at most 10 s. */
export type Undisturbed = readonly { readonly what: string; readonly playedMs: number }[];

const undisturbedLine = ({ what, playedMs }: Undisturbed[number]): string =>
  `undisturbed, ${what}: ${(playedMs / 1000).toFixed(1)} s of play${what !== 'scenario' ? '' : playedMs <= UNDISTURBED_MS_MAX ? ', within 10 s' : ', MORE THAN 10 s'}`;

/** Failures with their seeds, how to repeat them (`flags` as in `--apart `), and the closing counts: a fault that never struck counts as one failure. */
export function closing(lines: readonly Line[], flags = '', undisturbed: Undisturbed = []): string[] {
  const failures = lines.flatMap((line) => line.failures.map((failure) => ({ name: line.name, ...failure })));
  const never = lines.filter((line) => line.skipped === undefined && line.hits === 0);
  const told = failures.flatMap(({ name, seed, story, problems }) => [`${name}, seed ${seed} (${story})`, ...problems.slice(0, 8).map((problem) => `  ${problem}`), `  again: npm run chaos -- ${flags}--only ${name} --seed ${seed} --verbose`]);
  const count = (of: (line: Line) => number): number => lines.reduce((sum, line) => sum + of(line), 0);
  return [
    ...(told.length === 0 ? [] : ['', 'failing seeds:', ...told]),
    ...never.map(({ name }) => `${name} never struck`),
    '',
    ...undisturbed.map(undisturbedLine),
    `${count(({ passed }) => passed)} passed, ${count(({ failed }) => failed) + never.filter(({ failed }) => failed === 0).length} failed, ${lines.filter(({ skipped }) => skipped !== undefined).length} skipped`,
  ];
}
