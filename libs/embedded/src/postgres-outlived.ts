import { readdir, readFile, readlink } from 'node:fs/promises';

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** The number of the parent stands behind the name, which may hold anything but a closing parenthesis at its end. */
const parentOf = async (pid: number): Promise<number> => Number((await text(`/proc/${pid}/stat`)).split(') ').at(-1)?.split(' ')[1]);

async function worksIn(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
  return pids.filter((_, at) => folders[at] === folder);
}

/**
 * Ends what a killed server has left behind in its folder. Most of its processes notice its death; one that waits for a lock of
 * another killed one never does, and as long as it lives PostgreSQL does not start there. Children of a server that lives are
 * left alone.
 */
export async function endOutlived(folder: string): Promise<void> {
  const here = await worksIn(folder);
  for (const pid of here) {
    const [parent, command] = await Promise.all([parentOf(pid), text(`/proc/${pid}/cmdline`)]);
    if (!command.startsWith('postgres: ') || here.includes(parent)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
