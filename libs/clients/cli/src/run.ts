import { Api } from './api.js';
import { readCommandLine } from './command-line.js';
import { connectionOf, type Surroundings } from './connection.js';
import { Context, type Terminal } from './context.js';
import { CliError, EXIT, type ExitCode } from './errors.js';
import { commandHelp, help } from './help.js';

/** For commands that call no service. */
const NOWHERE = { url: '', token: '' } as const;

/** Runs one command line and answers with the exit code; throws only what is a fault of the tool itself. */
export async function run(args: readonly string[], terminal: Terminal, surroundings: Surroundings, fetching: typeof fetch = fetch): Promise<ExitCode> {
  try {
    const { command, help: asked, words, values } = readCommandLine(args);
    if (command === undefined || asked) {
      terminal.write(command === undefined ? help() : commandHelp(command));
      return command === undefined && values['help'] !== true ? EXIT.usage : EXIT.ok;
    }
    const connection = command.alone === true ? NOWHERE : connectionOf(values, surroundings);
    const context = new Context(new Api(connection, fetching), terminal, words, values);
    try {
      await command.run(context);
    } catch (error) {
      if (!(error instanceof CliError) || error.exit === EXIT.usage) throw error;
      context.report(error, context.text('service') || undefined);
    }
    return context.exit;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    terminal.warn(`skein: ${error.message}\nSee skein --help\n`);
    return error.exit;
  }
}
