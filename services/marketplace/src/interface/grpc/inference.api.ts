import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  GRPCInferenceService, type InferParameter, type InferTensorContents, type ModelInferRequest, type ModelInferResponseSchema, type ModelMetadataRequest, type ModelMetadataResponseSchema,
  type ModelReadyRequest, type ModelReadyResponseSchema, type ServerLiveResponseSchema, type ServerMetadataResponseSchema, type ServerReadyResponseSchema,
} from '@skein/contracts/inference';
import { reject, RejectionError, unwrap } from '@skein/kernel';
import { notFound, Rpc, type CallContext } from '@skein/platform';
import { Deployments } from '../../application/deployments.js';
import { Inference } from '../../application/inference.js';
import { Registry } from '../../application/registry.js';
import type { TensorInput } from '../../domain/tensor/tensor.js';
import { costOf, readMaxPrice, SERVER } from '../oip.js';

/** The Open Inference Protocol over gRPC. Answers always carry `raw_output_contents`; their parameters say what they cost. */
@Injectable()
export class InferenceApi {
  readonly #inference: Inference;
  readonly #registry: Registry;
  readonly #deployments: Deployments;

  constructor(@Inject(Inference) inference: Inference, @Inject(Registry) registry: Registry, @Inject(Deployments) deployments: Deployments) {
    this.#inference = inference;
    this.#registry = registry;
    this.#deployments = deployments;
  }

  @Rpc(GRPCInferenceService.method.serverLive)
  async serverLive(): Promise<MessageInitShape<typeof ServerLiveResponseSchema>> {
    return { live: true };
  }

  @Rpc(GRPCInferenceService.method.serverReady)
  async serverReady(): Promise<MessageInitShape<typeof ServerReadyResponseSchema>> {
    return { ready: true };
  }

  @Rpc(GRPCInferenceService.method.serverMetadata)
  async serverMetadata(): Promise<MessageInitShape<typeof ServerMetadataResponseSchema>> {
    return { name: SERVER.name, version: SERVER.version, extensions: [...SERVER.extensions] };
  }

  @Rpc(GRPCInferenceService.method.modelReady)
  async modelReady({ name, version }: ModelReadyRequest): Promise<MessageInitShape<typeof ModelReadyResponseSchema>> {
    const deployed = (await this.#deployments.state(name)).version;
    return { ready: deployed > 0 && (version === '' || version === String(deployed)) };
  }

  @Rpc(GRPCInferenceService.method.modelMetadata)
  async modelMetadata({ name, version }: ModelMetadataRequest): Promise<MessageInitShape<typeof ModelMetadataResponseSchema>> {
    const deployed = (await this.#deployments.state(name)).version;
    if (deployed === 0 || (version !== '' && version !== String(deployed))) throw notFound('name');
    const found = await this.#registry.version(name, deployed);
    const tensors = (specs: typeof found.inputs) => specs.map((spec) => ({ name: spec.name, datatype: spec.datatype, shape: spec.shape.map(BigInt) }));
    return { name, versions: [String(deployed)], platform: SERVER.platform, inputs: tensors(found.inputs), outputs: tensors(found.outputs) };
  }

  @Rpc(GRPCInferenceService.method.modelInfer)
  async modelInfer(request: ModelInferRequest, call: CallContext): Promise<MessageInitShape<typeof ModelInferResponseSchema>> {
    const maxPrice = readMaxPrice(parameterText(request.parameters['max_price']));
    const outputs = request.outputs.map(({ name }) => name);
    const answer = await this.#inference.infer(
      { model: request.modelName, version: request.modelVersion, inputs: inputsOf(request), outputs, ...(maxPrice === undefined ? {} : { maxPrice }) },
      call,
    );
    const parameters = Object.fromEntries(Object.entries(costOf(answer)).map(([name, value]) => [name, { parameterChoice: { case: 'stringParam' as const, value } }]));
    return {
      modelName: answer.model,
      modelVersion: String(answer.version),
      id: request.id,
      parameters,
      outputs: answer.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
      rawOutputContents: answer.outputs.map(({ data }) => data),
    };
  }
}

function parameterText(parameter: InferParameter | undefined): string | undefined {
  const value = parameter?.parameterChoice.value;
  return value === undefined ? undefined : String(value);
}

/** Either every input is raw or none is. */
function inputsOf({ inputs, rawInputContents }: ModelInferRequest): TensorInput[] {
  if (rawInputContents.length > 0 && rawInputContents.length !== inputs.length)
    unwrap(reject('invalid-argument', 'raw-input-count', `${inputs.length} inputs have ${rawInputContents.length} raw contents`, 'raw_input_contents'));
  return inputs.map(({ name, datatype, shape, contents }, index) => {
    const raw = rawInputContents[index];
    if (raw !== undefined && contents !== undefined)
      unwrap(reject('invalid-argument', 'raw-or-contents', 'an input is raw or has contents, not both', `inputs[${index}].contents`));
    return { name, datatype, shape: shape.map(sizeOf), content: raw ?? elementsOf(datatype, contents, index) };
  });
}

const sizeOf = (size: bigint): number => (size >= BigInt(Number.MIN_SAFE_INTEGER) && size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : -1);

function elementsOf(datatype: string, contents: InferTensorContents | undefined, index: number): readonly unknown[] {
  switch (datatype) {
    case 'FP32':
      return contents?.fp32Contents ?? [];
    case 'FP64':
      return contents?.fp64Contents ?? [];
    case 'INT32':
      return contents?.intContents ?? [];
    case 'INT64':
      return contents?.int64Contents ?? [];
    case 'BOOL':
      return contents?.boolContents ?? [];
    case 'UINT8':
      return contents?.uintContents ?? [];
    default:
      throw new RejectionError({ code: 'invalid-argument', rule: 'datatype', message: `${datatype} is not served`, field: `inputs[${index}].datatype` });
  }
}
