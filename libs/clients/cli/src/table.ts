/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly right?: boolean;
  /** May be cut where the terminal is too narrow; the others never are. */
  readonly flexible?: boolean;
}

const GAP = 2;
const NARROWEST = 12;

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

/** Takes from the widest flexible column until the table fits, or until none can give more. */
function fit(widths: number[], flexible: readonly boolean[], total: number): void {
  const spare = (): number => widths.reduce((sum, width) => sum + width, 0) + GAP * (widths.length - 1) - total;
  while (spare() > 0) {
    const widest = widths.reduce((best, width, at) => (flexible[at] === true && width > NARROWEST && (best < 0 || width > (widths[best] as number)) ? at : best), -1);
    if (widest < 0) return;
    widths[widest] = (widths[widest] as number) - 1;
  }
}

/** Lines of a table without frames; `width` is the terminal's, undefined where nobody looks at it. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width?: number): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row).replace(/\s+/g, ' ')));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...cells.map((line) => (line[at] as string).length)));
  if (width !== undefined) fit(widths, columns.map(({ flexible }) => flexible === true), width);
  const line = (texts: readonly string[]): string =>
    texts.map((text, at) => {
      const [size, short] = [widths[at] as number, cut(text, widths[at] as number)];
      return columns[at]?.right === true ? short.padStart(size) : short.padEnd(size);
    }).join(' '.repeat(GAP)).trimEnd();
  return [columns.map(({ title }) => title.toUpperCase()), ...cells].map((texts) => `${line(texts)}\n`).join('');
}

/** `2026-11-23 12:00:00`, UTC; empty for 0. */
export const timeText = (ms: bigint): string => (ms === 0n ? '' : new Date(Number(ms)).toISOString().slice(0, 19).replace('T', ' '));

/** `350 ms`, `12 s`, `3 min 20 s`, `5 h 2 min`, `4 d 3 h`. */
export function spanText(ms: bigint): string {
  if (ms < 1_000n) return `${ms} ms`;
  const seconds = ms / 1_000n;
  if (seconds < 60n) return `${seconds} s`;
  if (seconds < 3_600n) return `${seconds / 60n} min ${seconds % 60n} s`;
  if (seconds < 86_400n) return `${seconds / 3_600n} h ${(seconds / 60n) % 60n} min`;
  return `${seconds / 86_400n} d ${(seconds / 3_600n) % 24n} h`;
}
