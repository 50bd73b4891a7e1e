import { RejectionError, isUuid } from '@skein/kernel';

const malformed = (field: string, form: string): RejectionError =>
  new RejectionError({ code: 'invalid-argument', rule: 'resource-name', message: `${field} must be ${form}`, field });

export const taskName = (taskId: string): string => `tasks/${taskId}`;
export const submissionName = (taskId: string, submissionId: string): string => `tasks/${taskId}/submissions/${submissionId}`;

export const caseName = (caseId: string): string => `cases/${caseId}`;

/** Id of `cases/{case id}`. */
export function parseCaseName(name: string, field = 'name'): string {
  const [, caseId] = /^cases\/(0x[0-9a-f]{64})$/.exec(name) ?? [];
  if (caseId === undefined) throw malformed(field, 'cases/{0x and 64 hex digits}');
  return caseId;
}

/** Id of `tasks/{uuid}`. */
export function parseTaskName(name: string, field = 'name'): string {
  const [collection, id = '', ...rest] = name.split('/');
  if (collection !== 'tasks' || !isUuid(id) || rest.length > 0) throw malformed(field, 'tasks/{uuid}');
  return id;
}

/** Ids of `tasks/{uuid}/submissions/{uuid}`. */
export function parseSubmissionName(name: string, field = 'name'): { taskId: string; submissionId: string } {
  const [tasks, taskId = '', submissions, submissionId = '', ...rest] = name.split('/');
  if (tasks !== 'tasks' || submissions !== 'submissions' || !isUuid(taskId) || !isUuid(submissionId) || rest.length > 0)
    throw malformed(field, 'tasks/{uuid}/submissions/{uuid}');
  return { taskId, submissionId };
}
