/** Prints the story as it happens: chapters, lines, tables. Times are seconds since Skein was started. */
export class Printer {
  private readonly startedMs = performance.now();
  private readonly write: (text: string) => void;

  constructor(write: (text: string) => void = (text) => void process.stdout.write(text)) {
    this.write = write;
  }

  chapter(number: number, title: string): void {
    this.write(`\n${number}. ${title}\n`);
  }

  line(text: string): void {
    const seconds = ((performance.now() - this.startedMs) / 1000).toFixed(1);
    this.write(`  ${seconds.padStart(6)} s  ${text}\n`);
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
    const format = (cells: readonly string[]) => `            ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd();
    this.write(`${[format(head), format(widths.map((width) => '-'.repeat(width))), ...rows.map(format)].join('\n')}\n`);
  }
}
