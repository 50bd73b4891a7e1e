import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FederatedTaskService, FederationNodeService } from '@skein/contracts/federation';
import { formatWallet, sha256Hex, unwrap } from '@skein/kernel';
import { parseCsv } from '@skein/models';
import { RunnerPool } from '@skein/runner';
import { createClient, retryingClient, signSession } from '@skein/sdk';
import { privateKeyToAccount } from 'viem/accounts';
import { FlNode, type NodeStrategy } from './fl-node.js';
import { parseNodeArguments, schemaOf, USAGE } from './options.js';
import type { NodeArguments } from './options.js';

const SESSION_MS = 24 * 3_600_000;
const RENEW_MS = 12 * 3_600_000;
const RETRY = { timeoutMs: 300_000 };
const STOP_MS_MAX = 2_000;

const print = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

/** A session that is signed again long before it ends. */
async function sessionOf(args: NodeArguments, key: `0x${string}`): Promise<{ wallet: string; headers: () => Record<string, string>; stop: () => void }> {
  const account = privateKeyToAccount(key);
  const sign = (): Promise<string> => {
    const issuedAtMs = Date.now();
    const times = { issuedAtMs, expiresAtMs: issuedAtMs + SESSION_MS - 60_000, nonce: randomBytes(12).toString('hex') };
    return signSession({ account, chainId: args.chainId, domain: args.domain, scopes: ['federation.participate'], ...times });
  };
  let token = await sign();
  const timer = setInterval(() => void sign().then((next) => (token = next)), RENEW_MS);
  timer.unref();
  const wallet = formatWallet({ chainId: args.chainId, address: account.address });
  return { wallet, headers: () => ({ authorization: `Bearer ${token}` }), stop: () => clearInterval(timer) };
}

/** Whoever started this process has died, in whatever way, when another process is the parent. */
function endWithParent(end: AbortController): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end.abort(), 500).unref();
}

async function run(args: NodeArguments, strategy: NodeStrategy | undefined): Promise<void> {
  const key = readFileSync(args.keyFile, 'utf8').trim() as `0x${string}`;
  const csv = readFileSync(args.rowsFile, 'utf8');
  const schema = schemaOf(csv, args.label, args.classes);
  const rows = unwrap(parseCsv(csv, schema));
  const session = await sessionOf(args, key);
  const channel = { address: args.address, headers: session.headers };
  const [tasks, nodes] = [createClient(FederatedTaskService, channel), createClient(FederationNodeService, channel)];
  const runner = new RunnerPool({ pooledMax: 1 });
  const end = new AbortController();
  // A call that waits for an unreachable service would hold the node for minutes: everything it has done is safe by its keys.
  end.signal.addEventListener('abort', () => setTimeout(() => process.exit(0), STOP_MS_MAX).unref());
  process.on('SIGTERM', () => end.abort()).on('SIGINT', () => end.abort());
  if (args.endWithParent) endWithParent(end);
  try {
    const node = new FlNode({
      tasks: retryingClient(FederatedTaskService, tasks, RETRY),
      nodes: retryingClient(FederationNodeService, nodes, RETRY),
      task: args.task, wallet: session.wallet, rows, schema, runner,
      saltSecret: sha256Hex(`skein/fl-node/salt-secret/${key}`),
      onNotice: print,
      ...(strategy === undefined ? {} : { strategy }),
    });
    const joined = await node.joinWhenStaked(end.signal);
    print({ kind: 'ended', outcome: joined ? await node.run(end.signal) : 'stopped' });
  } finally {
    session.stop();
    tasks.close();
    nodes.close();
    await runner.stop();
  }
}

/**
 * The whole program of a node: reads the command line, joins, works until the task ends or a signal comes, and sets the
 * exit code. `strategy` is for research and tests; an honest node has none.
 */
export async function runNode(argv: readonly string[], strategy?: NodeStrategy): Promise<void> {
  try {
    await run(parseNodeArguments(argv), strategy);
  } catch (error) {
    process.stderr.write(`skein-fl-node: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 1;
  }
}
