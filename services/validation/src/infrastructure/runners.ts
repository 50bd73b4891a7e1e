import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CONFIG, type Settings } from '@skein/platform';
import { RunnerPool } from '@skein/runner';
import type { ValidationSettings } from '../validation.settings.js';

/** The service's runner processes; they end with it. */
@Injectable()
export class Runners extends RunnerPool implements OnModuleDestroy {
  constructor(@Inject(CONFIG) settings: Settings) {
    const own = settings.own as ValidationSettings;
    super({ freshMax: own.RUNNER_FRESH_MAX, spares: own.RUNNER_SPARES, limits: { memoryMiBMax: own.RUNNER_MEMORY_MIB_MAX } });
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }
}
