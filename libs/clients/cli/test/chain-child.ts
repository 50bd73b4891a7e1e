import { deploy } from '../src/chain-deploy.js';
import { Context } from '../src/context.js';

// `skein chain deploy` in a process of its own, to be killed: without the commands whose generated code needs a build.
const [rpc, keyFile, config, book] = process.argv.slice(2);
const terminal = {
  write: (text: string): void => void process.stdout.write(text),
  warn: (text: string): void => void process.stderr.write(text),
  columns: undefined,
  wait: async (): Promise<void> => undefined,
  nowMs: (): number => 0,
  uuid: (): string => '',
};
await deploy(new Context(undefined as never, terminal, [], { rpc, 'key-file': keyFile, config, book }));
