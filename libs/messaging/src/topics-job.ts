import { eventLogFromUrl } from './event-log-from-url.js';
import type { EventLog } from './event-log.js';
import { applyTopics, planTopics, type TopicChange } from './topic-plan.js';
import { loadTopics } from './topics.js';

/** What the job is given by whoever starts it. */
export interface TopicsJob {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  write(text: string): void;
  complain(text: string): void;
}

const HELP = `Usage: topics-job plan|apply [--json]
Compares the topics of proto/topics.yaml with those of the event log (plan), or also makes what is missing (apply).
Environment: EVENT_LOG_URL  postgres://… or kafka://host:port,…[?client=kafkajs&replication=N]
Exit codes: 0 done, 1 a topic is in conflict or the log cannot be reached, 2 wrong usage.
`;

const line = ({ topic, action, detail }: TopicChange): string => `${action.padEnd(10)} ${topic.padEnd(32)} ${detail}\n`;

/** The job that owns all topics: nothing else makes or changes one. Returns the exit code. */
export async function topicsJob(job: TopicsJob): Promise<number> {
  const [command, ...options] = job.arguments;
  if (command === '--help' || command === '-h') return job.write(HELP), 0;
  const url = job.environment['EVENT_LOG_URL'];
  if ((command !== 'plan' && command !== 'apply') || options.some((option) => option !== '--json')) return job.complain(HELP), 2;
  if (url === undefined || url === '') return job.complain('EVENT_LOG_URL: is missing\n'), 2;
  let log: EventLog | undefined;
  try {
    log = eventLogFromUrl({ url, clientId: 'skein-topics' });
    const specs = await loadTopics();
    const changes = command === 'plan' ? await planTopics(log, specs) : await applyTopics(log, specs);
    job.write(options.includes('--json') ? `${JSON.stringify({ topics: changes })}\n` : changes.map(line).join(''));
    return changes.some(({ action }) => action === 'conflict') ? 1 : 0;
  } catch (error) {
    job.complain(`topics ${command}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await log?.close().catch(() => undefined);
  }
}

if (import.meta.main)
  process.exitCode = await topicsJob({
    arguments: process.argv.slice(2), environment: process.env, write: (text) => void process.stdout.write(text), complain: (text) => void process.stderr.write(text),
  });
