import type { MessageInitShape } from '@bufbuild/protobuf';
import { OperationsService, type ApplyTopicsResponseSchema, type PlanTopicsResponseSchema } from '@skein/contracts/operations';
import { applyTopics, loadTopics, planTopics, type EventLog } from '@skein/messaging';
import { Rpc } from '../rpc.js';

/** The topics of the manifest against those of the event log, which all services share: any of them answers for all. */
export class TopicApi {
  readonly #log: EventLog;
  constructor(log: EventLog) {
    this.#log = log;
  }

  @Rpc(OperationsService.method.planTopics)
  async planTopics(): Promise<MessageInitShape<typeof PlanTopicsResponseSchema>> {
    return { changes: await planTopics(this.#log, await loadTopics()) };
  }

  @Rpc(OperationsService.method.applyTopics)
  async applyTopics(): Promise<MessageInitShape<typeof ApplyTopicsResponseSchema>> {
    return { changes: await applyTopics(this.#log, await loadTopics()) };
  }
}
