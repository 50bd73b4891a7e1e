import { parseArgs } from 'node:util';
import type { Command, Option } from './commands/command.js';
import { COMMANDS } from './commands/index.js';
import type { Values } from './context.js';
import { usageError } from './errors.js';
import { GLOBAL } from './help.js';
import { serviceNamed, SERVICES } from './services.js';

/** What was asked for. Without a command: the help of all; with `help`: that of the command. */
export interface CommandLine {
  readonly command?: Command;
  readonly help: boolean;
  readonly words: readonly string[];
  readonly values: Values;
}

const FAMILIES = new Set(COMMANDS.map(({ name }) => name.split(' ')[0] as string));

const WORDS_MAX = Math.max(...COMMANDS.map(({ name }) => name.split(' ').length));

/** The command that the first words name: the one with more words wins. `consumers list` and `jobs list` are the bare ones. */
function find(words: readonly string[]): { command: Command; rest: readonly string[] } {
  for (let count = Math.min(WORDS_MAX, words.length); count > 0; count -= 1) {
    const command = COMMANDS.find(({ name }) => name === words.slice(0, count).join(' '));
    if (command !== undefined) return { command, rest: words.slice(command.words.length === 0 && words[count] === 'list' ? count + 1 : count) };
  }
  const [first = '', second] = words;
  if (!FAMILIES.has(first)) throw usageError(`there is no command "${first}"`);
  const known = COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  throw usageError(`${second === undefined ? `"${first}" is not all of it` : `there is no command "${first} ${second}"`}: ${known.join(', ')}`);
}

/** Options as `parseArgs` takes them. */
const parsed = (options: Readonly<Record<string, Option>>) =>
  Object.fromEntries(Object.entries(options).map(([name, { value, many = false }]) => [name, { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: many }]));

function parse(args: readonly string[], options: Readonly<Record<string, Option>>): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options: parsed(options), allowPositionals: true }) as { values: Values; positionals: string[] };
  } catch (error) {
    throw usageError((error instanceof Error ? error.message : String(error)).split('. ', 1)[0] as string);
  }
}

/** Positionals alone, whatever the options: only to find out which command's options count. */
function wordsOf(args: readonly string[]): readonly string[] {
  const every = Object.assign({}, GLOBAL, ...COMMANDS.map(({ options }) => options)) as typeof GLOBAL;
  return parseArgs({ args: [...args], options: parsed(every), allowPositionals: true, strict: false }).positionals;
}

function checkService(values: Values): Values {
  const { service } = values;
  if (typeof service !== 'string') return values;
  const known = serviceNamed(service);
  if (known === undefined) throw usageError(`there is no service "${service}": ${SERVICES.join(', ')}`);
  return { ...values, service: known };
}

/** Reads the command line; what is wrong with it is a usage error in words. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const found = wordsOf(args);
  if (found.length === 0) {
    const { values } = parse(args, GLOBAL);
    return { help: true, words: [], values };
  }
  const { command, rest } = find(found);
  const { values } = parse(args, { ...GLOBAL, ...command.options });
  if (values['help'] === true) return { command, help: true, words: rest, values };
  const needed = command.words.filter((word) => !word.startsWith('[')).length;
  if (rest.length < needed) throw usageError(`skein ${command.name} needs ${command.words.slice(rest.length, needed).join(' ')}`);
  if (rest.length > command.words.length) throw usageError(`skein ${command.name} takes no "${rest[command.words.length]}"`);
  return { command, help: false, words: rest, values: checkService(values) };
}
