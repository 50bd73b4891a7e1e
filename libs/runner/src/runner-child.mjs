// The process that runs untrusted models: plain JavaScript without imports of ours, so that it starts fast and is the same
// file from src and from dist. It reads requests as frames from stdin and answers as frames on stdout; see frames.ts.
// It holds no secret: its environment is ORT_DISABLE_TELEMETRY and a private HOME.
import { createRequire } from 'node:module';
import ort from 'onnxruntime-node';

const runtime = `onnxruntime-node ${createRequire(import.meta.url)('onnxruntime-node/package.json').version}`;
const ARRAYS = { float: Float32Array, double: Float64Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array, uint8: Uint8Array };
const ORT_TYPES = { float: 'float32', double: 'float64', int32: 'int32', int64: 'int64', bool: 'bool', uint8: 'uint8' };
const ELEMENT_TYPES = Object.fromEntries(Object.entries(ORT_TYPES).map(([ours, theirs]) => [theirs, ours]));
const sessions = new Map();

class Refusal extends Error {
  constructor(rule) {
    super(rule);
    this.rule = rule;
  }
}

/** Copies a part of the body into an array of its own: typed arrays need aligned memory. */
function arrayOf(part, body) {
  const Type = ARRAYS[part.elementType];
  if (Type === undefined) throw new Refusal('tensor-type');
  const copy = body.buffer.slice(body.byteOffset + part.offset, body.byteOffset + part.offset + part.length);
  return new Type(copy);
}

const tensorOf = (part, body) => new ort.Tensor(ORT_TYPES[part.elementType], arrayOf(part, body), part.dims);

async function sessionFor(header, body) {
  for (const key of header.forget ?? []) {
    await sessions.get(key)?.release();
    sessions.delete(key);
  }
  const known = sessions.get(header.key);
  if (known !== undefined) return known;
  const { offset, length } = header.model;
  const { graphOptimisation, threads } = header.profile;
  try {
    const session = await ort.InferenceSession.create(body.subarray(offset, offset + length), {
      executionProviders: ['cpu'],
      graphOptimizationLevel: graphOptimisation,
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      enableMemPattern: false,
      enableCpuMemArena: false,
      logSeverityLevel: 4,
    });
    sessions.set(header.key, session);
    return session;
  } catch {
    throw new Refusal('model-load');
  }
}

async function run(session, feeds) {
  try {
    return await session.run(feeds);
  } catch {
    throw new Refusal('model-run');
  }
}

const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

function encodeTensors(tensors) {
  const parts = [];
  const chunks = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const elementType = ELEMENT_TYPES[tensor.type];
    if (elementType === undefined) throw new Refusal('output-type');
    const data = bytesOf(tensor.data);
    parts.push({ name, elementType, dims: [...tensor.dims], offset, length: data.length });
    chunks.push(data);
    offset += data.length;
  }
  return { parts, body: Buffer.concat(chunks) };
}

async function infer(header, body) {
  const session = await sessionFor(header, body);
  const feeds = {};
  for (const part of header.inputs) feeds[part.name] = tensorOf(part, body);
  const names = session.inputNames;
  if (names.length !== header.inputs.length || !names.every((name) => name in feeds)) throw new Refusal('input-names');
  const startedMs = performance.now();
  const results = await run(session, feeds);
  const computeMs = performance.now() - startedMs;
  const { parts, body: out } = encodeTensors(session.outputNames.map((name) => [name, results[name]]));
  return { header: { outputs: parts, computeMs }, body: out };
}

/** Rows through the model's only input in batches; the first output, rows in order. */
async function score(header, body) {
  const session = await sessionFor(header, body);
  if (session.inputNames.length !== 1) throw new Refusal('input-names');
  const [input] = header.inputs;
  const data = arrayOf(input, body);
  const [rows, ...rest] = input.dims;
  const width = rest.reduce((product, dim) => product * dim, 1);
  const batchSize = header.profile.batchSize;
  const chunks = [];
  let outputs;
  let elementType;
  for (let start = 0; start < rows; start += batchSize) {
    const count = Math.min(batchSize, rows - start);
    const feed = new ort.Tensor(ORT_TYPES[input.elementType], data.slice(start * width, (start + count) * width), [count, ...rest]);
    const result = (await run(session, { [session.inputNames[0]]: feed }))[session.outputNames[0]];
    elementType ??= ELEMENT_TYPES[result.type];
    if (ELEMENT_TYPES[result.type] !== elementType || (elementType !== 'float' && elementType !== 'double')) throw new Refusal('output-type');
    const perRow = result.data.length / count;
    outputs ??= perRow;
    if (result.dims[0] !== count || perRow !== outputs || !Number.isInteger(perRow) || perRow < 1) throw new Refusal('output-shape');
    chunks.push(bytesOf(result.data));
    if (chunks.length * chunks[0].length > header.outputBytesMax) throw new Refusal('runner-output');
  }
  const out = Buffer.concat(chunks);
  return { header: { outputs: [{ name: 'scores', elementType, dims: [rows, outputs], offset: 0, length: out.length }], computeMs: 0 }, body: out };
}

function gather(source, width, rows) {
  const out = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) out.set(source.subarray(rows[i] * width, (rows[i] + 1) * width), i * width);
  return out;
}

/** Steps of a step graph over batches of rows, in the given order. */
async function train(header, body) {
  const session = await sessionFor(header, body);
  const [x, y] = [arrayOf(header.x, body), arrayOf(header.y, body)];
  const [xWidth, yWidth] = [header.x.dims[1], header.y.dims[1]];
  const rows = arrayOf(header.rows, body);
  const scalar = (value) => new ort.Tensor('float32', Float32Array.of(value), []);
  const constants = { lr: scalar(header.learningRate), l2: scalar(header.l2) };
  let parameters = Object.fromEntries(header.inputs.map((part) => [part.name, tensorOf(part, body)]));
  const losses = [];
  let at = 0;
  for (const size of header.batchSizes) {
    const batch = rows.subarray(at, at + size);
    at += size;
    const feeds = {
      ...parameters,
      ...constants,
      x: new ort.Tensor('float32', gather(x, xWidth, batch), [size, xWidth]),
      y: new ort.Tensor('float32', gather(y, yWidth, batch), [size, yWidth]),
    };
    const result = await run(session, feeds);
    losses.push(result.loss.data[0]);
    parameters = Object.fromEntries(Object.keys(parameters).map((name) => [name, result[`next.${name}`]]));
  }
  const { parts, body: out } = encodeTensors(Object.entries(parameters));
  return { header: { outputs: parts, losses: losses.map((loss) => (Number.isFinite(loss) ? loss : null)), computeMs: 0 }, body: out };
}

const OPERATIONS = { infer, score, train };

async function answer(header, body) {
  try {
    const reply = await OPERATIONS[header.op](header, body);
    if (reply.body.length > header.outputBytesMax) throw new Refusal('runner-output');
    return { header: { ok: true, ...reply.header }, body: reply.body };
  } catch (error) {
    // Texts of the runtime may quote the model, which may be secret: only the rule's name leaves this process.
    return { header: { ok: false, rule: error instanceof Refusal ? error.rule : 'model-run' }, body: Buffer.alloc(0) };
  }
}

function send({ header, body }) {
  const text = Buffer.from(JSON.stringify(header));
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(text.length, 0);
  sizes.writeUInt32LE(body.length, 4);
  process.stdout.write(Buffer.concat([sizes, text, body]));
}

let pending = [];
let pendingBytes = 0;
let needed = 8;
let working = Promise.resolve();

function drain() {
  while (pendingBytes >= needed) {
    const all = pending.length === 1 ? pending[0] : Buffer.concat(pending);
    pending = [all];
    const headerLength = all.readUInt32LE(0);
    const bodyLength = all.readUInt32LE(4);
    needed = 8 + headerLength + bodyLength;
    if (pendingBytes < needed) return;
    const header = JSON.parse(all.toString('utf8', 8, 8 + headerLength));
    const body = all.subarray(8 + headerLength, needed);
    const rest = all.subarray(needed);
    pending = rest.length > 0 ? [rest] : [];
    pendingBytes = rest.length;
    needed = 8;
    working = working.then(async () => send(await answer(header, body)));
  }
}

process.stdin.on('data', (chunk) => {
  pending.push(chunk);
  pendingBytes += chunk.length;
  drain();
});
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));
send({ header: { ok: true, runtime }, body: Buffer.alloc(0) });
