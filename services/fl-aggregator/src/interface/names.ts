import { isUuid } from '@skein/kernel';
import { notFound } from '@skein/platform';

const PREFIX = 'federatedTasks/';

/** Resource name of a federated task. */
export const taskName = (id: string): string => `${PREFIX}${id}`;

/** The id in a resource name; a name of another form is a resource that does not exist. */
export function taskIdOf(name: string, field: string): string {
  const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
  if (!isUuid(id)) throw notFound(field);
  return id;
}
