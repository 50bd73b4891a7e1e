export * from './data/dataset.js';
export * from './metrics/metric-id.js';
export * from './onnx/model.js';
export * from './task-schema.js';
export * from './onnx/build.js';
export * from './onnx/construct.js';
export * from './onnx/parse.js';
export * from './training/forward.js';
