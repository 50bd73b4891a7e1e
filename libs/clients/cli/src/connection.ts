import type { Connection } from './api.js';
import type { Values } from './context.js';
import { usageError } from './errors.js';

const STANDARD_URL = 'http://127.0.0.1:7400';
const STANDARD_DEVNET = '.skein/devnet.json';

/** What surrounds the tool: environment and files; `read` answers undefined for a file that is not there. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  read(file: string): string | undefined;
}

interface Devnet {
  readonly frontUrl?: string;
  readonly operatorToken?: string;
}

function devnetOf(named: string, { read }: Surroundings): Devnet {
  const text = read(named === '' ? STANDARD_DEVNET : named);
  if (text === undefined) {
    if (named === '') return {};
    throw usageError(`--devnet: there is no file ${named}; npm start writes one below its --data`);
  }
  try {
    const { frontUrl, operatorToken } = JSON.parse(text) as Record<string, unknown>;
    return { ...(typeof frontUrl === 'string' ? { frontUrl } : {}), ...(typeof operatorToken === 'string' ? { operatorToken } : {}) };
  } catch {
    throw usageError(`${named === '' ? STANDARD_DEVNET : named} is no JSON`);
  }
}

/** A token is one line of printable characters: anything else would be a header of its own. */
function checkToken(token: string, from: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) throw usageError(`${from} holds no token: one word is expected`);
  return token;
}

function tokenOf(file: string, devnet: Devnet, { environment, read }: Surroundings): string {
  if (file !== '') {
    const text = read(file);
    if (text === undefined) throw usageError(`--token-file: there is no file ${file}`);
    return checkToken(text.trim(), file);
  }
  if (environment['SKEIN_TOKEN']) return checkToken(environment['SKEIN_TOKEN'], 'SKEIN_TOKEN');
  if (devnet.operatorToken !== undefined) return checkToken(devnet.operatorToken, 'the devnet file');
  throw usageError("no operator's token: set SKEIN_TOKEN, or name a file with it by --token-file, or a devnet file by --devnet");
}

/** Where to call and as whom. */
export function connectionOf(values: Values, surroundings: Surroundings): Connection {
  const text = (name: string): string => (typeof values[name] === 'string' ? values[name] : '');
  const devnet = devnetOf(text('devnet'), surroundings);
  const named = text('devnet') === '' ? surroundings.environment['SKEIN_URL'] : undefined;
  const url = text('url') || named || devnet.frontUrl || STANDARD_URL;
  if (!/^https?:\/\/[^\s/]+/.test(url) || !URL.canParse(url)) throw usageError(`"${url}" is no address: http://host:port is expected`);
  return { url, token: tokenOf(text('token-file'), devnet, surroundings) };
}
