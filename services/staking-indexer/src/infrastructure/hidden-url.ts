/** Shorter parts are too common in ordinary text to be a key, or to be cut out of it. */
const KEY_LENGTH_MIN = 6;
const HIDDEN = '[hidden]';

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/**
 * Cuts out of a text whatever of a URL may be a key: path, query and credentials, as they are written and as they are meant.
 * Endpoints repeat in what they answer by what they were asked.
 */
export function hiding(url: string): (text: string) => string {
  const { username, password, pathname, search, searchParams } = new URL(url);
  const written = [pathname, search, username, password, ...pathname.split('/'), ...search.slice(1).split(/[&=]/), ...searchParams.values()];
  const keys = [...new Set([...written, ...written.map(decoded)])].filter((part) => part.length >= KEY_LENGTH_MIN).sort((a, b) => b.length - a.length);
  return (text) => keys.reduce((clean, key) => clean.replaceAll(key, HIDDEN), text);
}
