import { z } from 'zod';

/** Own settings of validation, by environment name. */
export const validationSettings = z.object({
  /** Models scored at once. */
  RUNNER_FRESH_MAX: z.coerce.number().int().min(1).max(64).default(2),
  /** Processes kept ready for the next score, about 80 MiB each. */
  RUNNER_SPARES: z.coerce.number().int().min(0).max(16).default(0),
  /** Resident memory of one process, above which it is killed. */
  RUNNER_MEMORY_MIB_MAX: z.coerce.number().int().min(128).max(65_536).default(512),
});

export type ValidationSettings = z.output<typeof validationSettings>;
