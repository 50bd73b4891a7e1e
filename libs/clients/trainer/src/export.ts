import { perceptronOnnx } from '@skein/models';
import type { Network } from './network.js';

/** The network as an ONNX model: input `x` float `[N, features]`, output `scores` float `[N, 1]`, the probability of class 1. */
export const exportNetwork = (network: Network): Uint8Array =>
  perceptronOnnx({ layers: network.layers, output: 'sigmoid', standardise: { mean: network.mean, scale: network.deviation } });
