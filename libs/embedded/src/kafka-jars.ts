import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Version of the broker that `startKafka` runs. */
export const KAFKA_VERSION = '4.1.1';

const LOG4J_VERSION = '2.24.3';
const JAVA_MAJOR_MIN = 17;
const FETCH_MS_MAX = 300_000;
const run = promisify(execFile);

/** Whether a broker can be started here; `why` is a sentence that says what is missing. */
export type KafkaAvailability = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Where fetched servers are kept: `SKEIN_CACHE` is the caller's to pass; default `~/.cache/skein`. */
export const defaultCacheDir = (): string => join(homedir(), '.cache', 'skein');

const folderOf = (cacheDir: string): string => join(cacheDir, `kafka-${KAFKA_VERSION}`);

async function javaProblem(): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run('java', ['-version']);
    const major = Number(/version "(\d+)/.exec(`${stderr}${stdout}`)?.[1]);
    return major >= JAVA_MAJOR_MIN ? undefined : `Kafka ${KAFKA_VERSION} needs Java ${JAVA_MAJOR_MIN} or later; this is Java ${major}`;
  } catch {
    return `Kafka ${KAFKA_VERSION} needs Java ${JAVA_MAJOR_MIN} or later; there is no java on the PATH`;
  }
}

async function mavenProblem(cacheDir: string): Promise<string | undefined> {
  if (existsSync(folderOf(cacheDir))) return undefined;
  try {
    await run('mvn', ['-v']);
    return undefined;
  } catch {
    return `Kafka ${KAFKA_VERSION} is not in ${folderOf(cacheDir)}, and there is no mvn on the PATH to fetch it`;
  }
}

/** Looks for Java 17+, and for the broker's jars in the cache or Maven to fetch them with. Fetches nothing. */
export async function kafkaAvailable(cacheDir: string = defaultCacheDir()): Promise<KafkaAvailability> {
  const why = (await javaProblem()) ?? (await mavenProblem(cacheDir));
  return why === undefined ? { ok: true } : { ok: false, why };
}

const dependency = (group: string, artifact: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>skein</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
${dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION)}
${dependency('org.apache.kafka', 'kafka-tools', KAFKA_VERSION)}
${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J_VERSION)}
${dependency('org.apache.logging.log4j', 'log4j-core', LOG4J_VERSION)}
</dependencies></project>
`;

/**
 * The folder with the broker's jars; fetched once by Maven into the cache. Several processes may ask at the same time: each
 * fetches into a folder of its own and the first to finish gives its folder the name.
 */
export async function kafkaJars(cacheDir: string = defaultCacheDir()): Promise<string> {
  const folder = folderOf(cacheDir);
  if (existsSync(folder)) return folder;
  const available = await kafkaAvailable(cacheDir);
  if (!available.ok) throw new Error(available.why);
  await mkdir(cacheDir, { recursive: true });
  const fetching = await mkdtemp(join(cacheDir, 'kafka-fetch-'));
  try {
    await writeFile(join(fetching, 'pom.xml'), POM);
    const goals = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs'];
    await run('mvn', goals, { cwd: fetching, timeout: FETCH_MS_MAX }).catch((error: { stdout?: string; message: string }) => {
      throw new Error(`Maven could not fetch Kafka ${KAFKA_VERSION}:\n${(error.stdout || error.message).trim().slice(-1_500)}`);
    });
    await rename(join(fetching, 'libs'), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(fetching, { recursive: true, force: true });
  }
  return folder;
}
