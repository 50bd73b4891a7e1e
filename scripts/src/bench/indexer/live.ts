import { stakeOnTask, type AddressBook, type ChainClient } from '@skein/contracts-evm';
import type { Anvil } from '@skein/embedded';
import { percentile } from '../stats.js';

/** Milliseconds from the moment the devnet has mined until a query shows it. */
export interface Live {
  readonly stakes: number;
  /** The block of the stake is safe → pending units. */
  readonly pending: Percentiles;
  /** It is final → final units. */
  readonly final: Percentiles;
}

interface Percentiles {
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

interface Position {
  readonly stakes?: readonly { readonly finalisedUnits: string; readonly pendingUnits: string }[];
}

const DEADLINE_MS = 30_000;

const percentilesOf = (values: readonly number[]): Percentiles => {
  const rounded = (share: number): number => Math.round(percentile(values, share) * 10) / 10;
  return { p50_ms: rounded(0.5), p99_ms: rounded(0.99), max_ms: rounded(1) };
};

/** Stakes one base unit again and again and looks how long each takes to be seen. */
export async function measureLive(url: string, anvil: Anvil, client: ChainClient, book: AddressBook, taskId: string, stakes: number): Promise<Live> {
  const wallet = `eip155:${book.chainId}:${client.address.toLowerCase()}`;
  const shown = async (): Promise<{ final: bigint; pending: bigint }> => {
    const { stakes: held = [] } = (await (await fetch(`${url}/staking/v1/positions/${wallet}`)).json()) as Position;
    return { final: BigInt(held[0]?.finalisedUnits ?? 0), pending: BigInt(held[0]?.pendingUnits ?? 0) };
  };
  const until = async (reached: (units: { final: bigint; pending: bigint }) => boolean): Promise<number> => {
    const fromMs = performance.now();
    while (!reached(await shown())) if (performance.now() - fromMs > DEADLINE_MS) throw new Error('a stake has not become visible');
    return performance.now() - fromMs;
  };
  const { final: before } = await shown();
  const [pending, final]: [number[], number[]] = [[], []];
  for (let stake = 1n; stake <= BigInt(stakes); stake += 1n) {
    await stakeOnTask(client, book, { taskId, role: 'node', amount: 1n });
    await anvil.mine(1);
    pending.push(await until((units) => units.final + units.pending === before + stake));
    await anvil.mine(1);
    final.push(await until((units) => units.final === before + stake));
  }
  return { stakes, pending: percentilesOf(pending), final: percentilesOf(final) };
}
