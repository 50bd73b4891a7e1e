import type { Context, Values } from '../context.js';
import { ROWS_MAX } from '../pages.js';

/** An option of a command; without `value` it is a flag. */
export interface Option {
  readonly value?: string;
  /** May be given more than once. */
  readonly many?: true;
  readonly help: string;
}

/** One command of the tool. */
export interface Command {
  /** `streams show` */
  readonly name: string;
  /** Words behind the name, as help shows them: `STREAM`, `[PREFIX]`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** More for `--help` of this command. */
  readonly text?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** What `--service` means here, where that is not "all of them where it is absent". */
  readonly service?: string;
  /** It asks no service: neither address nor token of a running Skein is needed. */
  readonly alone?: true;
  run(context: Context): Promise<void>;
}

export type { Context, Values };

/** Of lists that are read page by page. */
export const LIMIT: Option = { value: 'N', help: `at most so many of each service (default ${ROWS_MAX}); where there is more, "more" on stderr` };

/** `service/id` where all services are asked, so that the text can be given back to the tool. */
export const qualified = (service: string, id: string): string => `${service}/${id}`;
