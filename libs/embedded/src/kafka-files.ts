import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Most bytes of one record batch: a message of 1 MiB with its headers and framing. Topics may ask for less. */
const BATCH_BYTES_MAX = 1024 * 1024 + 64 * 1024;

/** Ports of one broker. */
export interface KafkaPorts {
  readonly port: number;
  readonly controllerPort: number;
  /** Where clients are told to connect; default: `port`. */
  readonly advertisedPort?: number;
}

// Paths are relative to the data folder, which is the broker's working folder: no quoting, whatever that folder is called.
const properties = ({ port, controllerPort, advertisedPort = port }: KafkaPorts): string =>
  Object.entries({
    'process.roles': 'broker,controller', 'node.id': 1, 'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`, 'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT', 'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': 'log', 'auto.create.topics.enable': false, 'message.max.bytes': BATCH_BYTES_MAX,
    'offsets.topic.replication.factor': 1, 'offsets.topic.num.partitions': 4, 'offsets.retention.minutes': 2_147_483_647,
    'transaction.state.log.replication.factor': 1, 'transaction.state.log.min.isr': 1, 'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1, 'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0, 'group.min.session.timeout.ms': 1_000, 'log.retention.ms': -1,
    'num.network.threads': 2, 'num.io.threads': 4, 'background.threads': 2, 'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    // A broker that was killed is let in again only when its former session is over.
    'broker.session.timeout.ms': 2_000, 'broker.heartbeat.interval.ms': 500,
  }).map(([name, value]) => `${name}=${value}\n`).join('');

/** The line that the broker logs when it serves. */
export const READY = 'Kafka Server started';

const LOGGING = `status=error
rootLogger.level=warn
rootLogger.appenderRefs=out
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
`;

/** What every JVM of the broker is started with; the working folder is the data folder. Only the quick compiler: half the CPU of a start. */
export const jvmArguments = (jars: string, heapMib: number): string[] =>
  ['-XX:TieredStopAtLevel=1', '-Xms128m', `-Xmx${heapMib}m`, '-XX:+UseSerialGC', '-Dlog4j2.configurationFile=log4j2.properties', '-cp', join(jars, '*')];

/** A cluster id as Kafka writes them: 16 bytes in base64url that do not look like an option. */
function clusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** Writes the broker's settings for these ports, and formats its log folder where that has not been done to the end. */
export async function prepareKafka(dataDir: string, jars: string, ports: KafkaPorts): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, 'server.properties'), properties(ports));
  await writeFile(join(dataDir, 'log4j2.properties'), LOGGING);
  const formatted = join(dataDir, 'formatted');
  if (existsSync(formatted)) return;
  await rm(join(dataDir, 'log'), { recursive: true, force: true });
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', 'server.properties'];
  await run('java', [...jvmArguments(jars, 256), ...format], { cwd: dataDir });
  await writeFile(formatted, '');
}
