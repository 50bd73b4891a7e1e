import { isUuid } from '@skein/kernel';
import { notFound } from '@skein/platform';

export const assignmentName = (id: string): string => `assignments/${id}`;
export const verdictName = (id: string): string => `verdicts/${id}`;
export const scoreName = (id: string): string => `scores/${id}`;
export const scoringName = (id: string): string => `scorings/${id}`;

/** The uuid of `<collection>/{uuid}`; anything else names nothing that exists. */
export function idOf(collection: 'assignments' | 'verdicts' | 'scores' | 'scorings', name: string): string {
  const id = name.startsWith(`${collection}/`) ? name.slice(collection.length + 1) : '';
  if (!isUuid(id)) throw notFound('name');
  return id;
}
