import { Agent, get } from 'node:http';

// Over kept connections and without `fetch`: every process is asked every few seconds for ever, and that was most of what the
// cluster's own process used at rest.
const agent = new Agent({ keepAlive: true });

/** Status of the answer to a GET; undefined where there is none in time. */
export function statusOf(url: string, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    let late = false;
    let timer: NodeJS.Timeout | undefined = undefined;
    const answered = (status: number | undefined): void => {
      clearTimeout(timer);
      resolve(status);
    };
    const ask = (again: boolean): void => {
      const asked = get(url, { agent }, (answer) => {
        answer.resume();
        answered(answer.statusCode);
      });
      timer ??= setTimeout(() => {
        late = true;
        asked.destroy();
      }, timeoutMs);
      // A kept connection may have been closed just now: it says nothing of who listens today.
      asked.once('error', () => (again && asked.reusedSocket && !late ? ask(false) : answered(undefined)));
    };
    ask(true);
  });
}
