import type { Command, Option } from './commands/command.js';
import { COMMANDS } from './commands/index.js';
import { SERVICES } from './services.js';

/** Options of every command. */
export const GLOBAL: Readonly<Record<string, Option>> = {
  service: { value: 'NAME', help: `one of ${SERVICES.join(', ')}; all of them where it is absent (topics: arena)` },
  json: { help: 'one JSON document on stdout, for scripts; errors as JSON lines on stderr' },
  url: { value: 'URL', help: 'front port (else SKEIN_URL, else the devnet file, else http://127.0.0.1:7400)' },
  'token-file': { value: 'FILE', help: "file with the operator's token (else SKEIN_TOKEN, else the devnet file)" },
  devnet: { value: 'FILE', help: "address and token of an installation of one's own (.skein/devnet.json is found by itself)" },
  help: { help: 'this text; behind a command, its own' },
};

/** Those that mean something to commands which call no service. */
const LOCAL = Object.fromEntries(Object.entries(GLOBAL).filter(([name]) => name === 'json' || name === 'help'));

/** Those of every command, as they are meant here. */
const optionsOf = ({ alone, service }: Command): Readonly<Record<string, Option>> =>
  alone === true ? LOCAL : service === undefined ? GLOBAL : { ...GLOBAL, service: { value: 'NAME', help: `one of ${SERVICES.join(', ')}; ${service}` } };

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('');
};

const optionRows = (options: Readonly<Record<string, Option>>): [string, string][] =>
  Object.entries(options).map(([name, { value, help }]) => [`--${name}${value === undefined ? '' : ` ${value}`}`, help]);

const usageOf = ({ name, words }: Command): string => [name, ...words].join(' ');

const EXITS = columns([
  ['0', 'done'],
  ['1', 'refused or failed, also in one service of several; workflows --stuck: something is stuck; trace: there is more than it follows'],
  ['2', 'wrong words on the command line'],
  ['3', 'not reachable, also one service of several (trace: what it shows is incomplete), or no answer in time'],
]);

/** The help of the whole tool. */
export const help = (): string => `skein COMMAND [options]

Looks after a running Skein: what its services' logs hold, what is stuck, and what to do about it.

Commands
${columns(COMMANDS.map((command) => [usageOf(command), command.summary]))}
Options of every command
${columns(optionRows(GLOBAL))}
Exit codes
${EXITS}
The token is never given on the command line, where others could read it.
`;

/** The help of one command. */
export const commandHelp = (command: Command): string => `skein ${usageOf(command)} [options]

${command.summary}${command.text === undefined ? '' : `\n\n${command.text}`}

${Object.keys(command.options).length === 0 ? '' : `Options\n${columns(optionRows(command.options))}\n`}Options of every command
${columns(optionRows(optionsOf(command)))}
Exit codes
${EXITS}`;
