import { toJson, type DescMessage, type JsonValue, type Message, type MessageShape } from '@bufbuild/protobuf';
import type { Api } from './api.js';
import { CliError, EXIT, usageError, type ExitCode } from './errors.js';
import { SERVICES } from './services.js';
import { renderTable, type Column } from './table.js';

/** What a command line gave, as `parseArgs` leaves it. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** The terminal, or whatever stands for it. */
export interface Terminal {
  readonly write: (text: string) => void;
  readonly warn: (text: string) => void;
  /** Undefined where the output is no terminal. */
  readonly columns: number | undefined;
  /** Waits so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** Of a clock that only goes forward. */
  readonly nowMs: () => number;
  readonly uuid: () => string;
}

/** Something of one service. */
export interface Of<T> {
  readonly service: string;
  readonly value: T;
}

/** What a command works with. */
export class Context {
  /** Worst that happened to a part of the command: the others went on. */
  exit: ExitCode = EXIT.ok;
  readonly api: Api;
  readonly terminal: Terminal;
  readonly words: readonly string[];
  readonly values: Values;
  constructor(api: Api, terminal: Terminal, words: readonly string[], values: Values) {
    this.api = api;
    this.terminal = terminal;
    this.words = words;
    this.values = values;
  }

  /** The service that was named, or all. */
  get services(): readonly string[] {
    const named = this.text('service');
    return named === '' ? SERVICES : [named];
  }

  get json(): boolean {
    return this.values['json'] === true;
  }

  text(option: string): string {
    const value = this.values[option];
    return typeof value === 'string' ? value : '';
  }

  /** Every value of an option that may be given more than once. */
  texts(option: string): readonly string[] {
    const value = this.values[option];
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }

  flag(option: string): boolean {
    return this.values[option] === true;
  }

  /** A whole number from `min` on; 0 where the option is absent. */
  number(option: string, min: number, max: number): number {
    const text = this.text(option);
    if (text === '') return 0;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) throw usageError(`--${option} must be a whole number from ${min} to ${max}, not "${text}"`);
    return value;
  }

  /** Asks each service; one that fails is told about and spoils the exit code, the others' answers count. */
  async each<T>(ask: (service: string) => Promise<readonly T[]>): Promise<Of<T>[]> {
    const settled = await Promise.all(this.services.map((service) => ask(service).then((values) => values.map((value) => ({ service, value })), (error: unknown) => this.#failed(service, error))));
    const failures = settled.filter((one) => one instanceof CliError);
    // One reason for all is one failure: the address or the token.
    if (failures.length === settled.length && new Set(failures.map(({ message }) => message)).size === 1) throw failures[0];
    for (const failure of failures) this.report(failure, this.services[settled.indexOf(failure)]);
    return settled.flatMap((one) => (one instanceof CliError ? [] : one));
  }

  /** Asks the services until one knows what is asked for; `what` names it to whoever asked. */
  async one<T>(what: string, ask: (service: string) => Promise<T>): Promise<Of<T>> {
    let failure: CliError | undefined;
    for (const service of this.services) {
      try {
        return { service, value: await ask(service) };
      } catch (error) {
        const known = this.#failed(service, error);
        if (known.code !== 'not-found') failure ??= known;
        if (known.exit === EXIT.failed && known.code !== 'not-found') break;
      }
    }
    throw failure ?? new CliError(EXIT.failed, `${this.services.length > 1 ? 'no service' : this.services[0]} has ${what}`, 'not-found', 'not-found');
  }

  #failed(_service: string, error: unknown): CliError {
    if (error instanceof CliError) return error;
    throw error;
  }

  report(error: CliError, service?: string): void {
    this.exit = Math.max(this.exit, error.exit) as ExitCode;
    const told = this.json ? JSON.stringify({ error: { ...(service === undefined ? {} : { service }), code: error.code, rule: error.rule, message: error.message } }) : `skein: ${service === undefined ? '' : `${service}: `}${error.message}`;
    this.terminal.warn(`${told}\n`);
  }

  /** A table for people, or one JSON array for scripts: each row as the service gave it, with its name. */
  list<Desc extends DescMessage>(schema: Desc, rows: readonly Of<MessageShape<Desc>>[], columns: readonly Column<Of<MessageShape<Desc>>>[], none: string): void {
    if (this.json) return this.writeJson(rows.map(({ service, value }) => ({ service, ...(plain(schema, value) as object) }) as JsonValue));
    if (rows.length === 0) return this.terminal.write(`${none}\n`);
    this.terminal.write(renderTable(columns, rows, this.terminal.columns));
  }

  writeJson(value: JsonValue): void {
    this.terminal.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Says what was done: a sentence, or the service's answer as JSON. */
  done<Desc extends DescMessage>(service: string, schema: Desc, value: MessageShape<Desc>, sentence: string): void {
    if (this.json) this.writeJson({ service, ...(plain(schema, value) as object) } as JsonValue);
    else this.terminal.write(`${sentence}\n`);
  }
}

/** A message as JSON with every field, so that scripts need not know which may be absent. */
export const plain = (schema: DescMessage, value: Message): JsonValue => toJson(schema, value, { alwaysEmitImplicit: true });
