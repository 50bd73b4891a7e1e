import { pino, type Logger as PinoLogger } from 'pino';
import { LineWriter } from './line-writer.js';
import { redactFields, redactLine } from './redact.js';
import { currentTraceparent, parseTraceparent } from './trace.js';

/** How much is written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Structured logging: fields first, then a sentence. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** The same logger with fields on every line. */
  child(fields: Record<string, unknown>): Logger;
}

/** What `createLogger` needs. `secrets` are values that must never be printed, wherever they turn up. */
export interface LoggerOptions {
  readonly service: string;
  readonly level?: LogLevel;
  readonly secrets?: readonly string[];
  /** Where the lines go; standard output when absent. */
  readonly destination?: { write(line: string): void };
}

/** Shorter values are too common in ordinary text to be censored by value. */
const SECRET_LENGTH_MIN = 8;

/** JSON lines with level, time (ISO), service, message, fields and the trace ids of `withTrace`; secrets are censored. */
export function createLogger(options: LoggerOptions): Logger {
  const secrets = (options.secrets ?? []).filter((secret) => secret.length >= SECRET_LENGTH_MIN);
  const settings = {
    level: options.level ?? 'info',
    base: null,
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    // Pino's own serializer would replace what redactFields has made of an error.
    serializers: { err: (value: unknown) => value },
    mixin: () => traceFields(),
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: object) => redactFields(fields) as Record<string, unknown>,
    },
    hooks: { streamWrite: (line: string) => redactLine(line, secrets) },
  };
  return loggerWith(pino(settings, options.destination ?? standardOutput()), { service: options.service });
}

let output: LineWriter | undefined;

/** One for all loggers of the process, so that their lines stay in order. */
function standardOutput(): LineWriter {
  if (output !== undefined) return output;
  const made = new LineWriter(1, (lines) => `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lines, message: 'nobody read the output: lines are missing before this one' })}\n`);
  process.once('exit', () => made.flush());
  return (output = made);
}

/** Pino's own child would write a field again that its parent has, so that a line had the key twice: here the later one wins. */
function loggerWith(root: PinoLogger, bound: Readonly<Record<string, unknown>>): Logger {
  const at = (level: Exclude<LogLevel, 'silent'>) => (fields: object, message: string): void =>
    root[level]({ ...bound, ...(fields instanceof Error ? { err: fields } : fields) }, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: (fields) => loggerWith(root, { ...bound, ...fields }) };
}

function traceFields(): object {
  const ids = parseTraceparent(currentTraceparent());
  return ids === undefined ? {} : { trace_id: ids.traceId, span_id: ids.spanId };
}
