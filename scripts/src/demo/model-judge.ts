import { decodeWeights } from '@skein/aggregation';
import { FederatedTaskService, FederationNodeService } from '@skein/contracts/federation';
import { download } from '@skein/fl-node';
import { sha256Hex, unwrap } from '@skein/kernel';
import { parseOnnx, unflattenParameters, withParameters, type Dataset } from '@skein/models';
import { floatTensor, RunnerPool, toFloatTensor } from '@skein/runner';
import type { Actor } from './actor.js';

/** Measures models on the untouched rows. It reads the federation's weights as the task's creator may. */
export class ModelJudge {
  private readonly runner = new RunnerPool({ pooledMax: 1 });
  private readonly actor: Actor;
  private readonly task: string;
  private readonly forward: Uint8Array;
  private readonly test: Dataset;
  private readonly known = new Map<string, number>();

  constructor(actor: Actor, task: string, forward: Uint8Array, test: Dataset) {
    this.actor = actor;
    this.task = task;
    this.forward = forward;
    this.test = test;
  }

  /** Accuracy of global weights by their hash, a fraction of 1. */
  async accuracyOf(weightsSha256: string): Promise<number> {
    const known = this.known.get(weightsSha256);
    if (known !== undefined) return known;
    const bytes = await download(this.actor.client(FederationNodeService, 'fl-aggregator'), this.task, weightsSha256);
    const { manifest } = await this.actor.client(FederatedTaskService, 'fl-aggregator').getFederatedTask({ name: this.task });
    const parameters = manifest?.parameters ?? [];
    const weights = unwrap(decodeWeights(parameters, bytes));
    const accuracy = await this.accuracyOfModel(withParameters(unwrap(parseOnnx(this.forward)), unflattenParameters(parameters, weights)));
    this.known.set(weightsSha256, accuracy);
    return accuracy;
  }

  /** Accuracy of an ONNX model whose output is the probability of class 1. */
  async accuracyOfModel(model: Uint8Array): Promise<number> {
    const { rows, columns, features, labels } = this.test;
    const { outputs } = unwrap(await this.runner.infer({ modelKey: sha256Hex(model), model, inputs: [floatTensor('x', [rows, columns.length], features)] }));
    const [scores] = outputs;
    if (scores === undefined) throw new Error('the model has no output');
    const { values } = toFloatTensor(scores);
    return labels.filter((label, row) => ((values[row] as number) >= 0.5 ? 1 : 0) === label).length / rows;
  }

  close(): Promise<void> {
    return this.runner.stop();
  }
}
