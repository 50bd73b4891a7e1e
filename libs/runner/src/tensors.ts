import { type FloatTensor, floatBytes, floatsOf } from '@skein/models';
import type { RunnerTensor } from './types.js';

/** A float32 tensor for a runner. */
export const floatTensor = (name: string, dims: readonly number[], values: ArrayLike<number>): RunnerTensor => ({ name, elementType: 'float', dims, data: floatBytes(values) });

/** A runner's float32 tensor as numbers. */
export const toFloatTensor = ({ name, dims, data }: RunnerTensor): FloatTensor => ({ name, dims, values: floatsOf(data) });
