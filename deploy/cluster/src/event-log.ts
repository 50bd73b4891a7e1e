import { logDatabase, type MakeDatabase } from '@skein/all-in-one';
import { loadTopics, sharedEventLog } from '@skein/messaging';

/** The event log that the services share. */
export interface ClusterEventLog {
  /** `EVENT_LOG_URL` of the services. */
  readonly url: string;
  /** Makes or alters the topics of the manifest. */
  applyTopics(): Promise<void>;
  stop(): Promise<void>;
}

/** The embedded log, a database beside those of the services. */
export async function embeddedLog(make: MakeDatabase, report: (error: unknown, where: string) => void): Promise<ClusterEventLog> {
  const { appUrl } = await logDatabase(make);
  const applyTopics = async (): Promise<void> => {
    const log = sharedEventLog({ url: appUrl, onError: report });
    try {
      await log.createTopics(await loadTopics());
    } finally {
      await log.close();
    }
  };
  return { url: appUrl, applyTopics, stop: async () => undefined };
}
