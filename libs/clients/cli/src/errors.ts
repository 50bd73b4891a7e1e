/** How the tool ends: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure with the words for whoever typed the command, and the exit code. */
export class CliError extends Error {
  readonly exit: ExitCode;
  /** As the service named it: `not-found`, `role` … */
  readonly code: string;
  readonly rule: string;
  constructor(exit: ExitCode, message: string, code = 'usage', rule = '') {
    super(message);
    this.name = 'CliError';
    this.exit = exit;
    this.code = code;
    this.rule = rule;
  }
}

/** Wrong words on the command line. */
export const usageError = (message: string): CliError => new CliError(EXIT.usage, message);
