export * from './data/dataset.js';
export * from './metrics/metric-id.js';
export * from './onnx/model.js';
export * from './task-schema.js';
