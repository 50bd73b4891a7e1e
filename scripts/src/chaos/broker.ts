import { join } from 'node:path';
import { startKafka, type EmbeddedKafka } from '@skein/embedded';
import { applyTopics, eventLogFromUrl, loadTopics } from '@skein/messaging';
import { clearKafka } from '@skein/messaging/kafka';
import { startFaultProxy, type FaultProxy } from '@skein/testing/fault-proxy';

/** From the first port of the runs: beyond those of the largest cluster. */
const FIRST_PORT = 100;

/** One Kafka broker for all runs of a stage, behind a proxy that everybody is told to connect to. */
export class Broker {
  readonly kafka: EmbeddedKafka;
  readonly proxy: FaultProxy;

  private constructor(kafka: EmbeddedKafka, proxy: FaultProxy) {
    this.kafka = kafka;
    this.proxy = proxy;
  }

  static async start(folder: string, portBase: number): Promise<Broker> {
    const port = portBase + FIRST_PORT;
    const proxy = await startFaultProxy({ target: port });
    try {
      return new Broker(await startKafka({ dataDir: join(folder, 'kafka'), port, controllerPort: port + 1, advertisedPort: proxy.port }), proxy);
    } catch (error) {
      await proxy.stop();
      throw error;
    }
  }

  /** `host:port`, by way of the proxy. */
  get address(): string {
    return `127.0.0.1:${this.proxy.port}`;
  }

  /** Takes what the run before has left, and makes the topics of the manifest. */
  async renew(): Promise<void> {
    this.proxy.heal();
    await clearKafka([this.address]);
    const log = eventLogFromUrl({ url: `kafka://${this.address}`, clientId: 'skein-chaos', onError: () => undefined });
    try {
      await applyTopics(log, await loadTopics());
    } finally {
      await log.close();
    }
  }

  /** Nothing of it is needed any more. */
  async stop(): Promise<void> {
    await this.kafka.kill();
    await this.proxy.stop();
  }
}
