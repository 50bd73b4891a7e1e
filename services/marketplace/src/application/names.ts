import { notFound } from '@skein/platform';

/** The slug of `models/<slug>`. */
export function modelOf(name: string, field = 'name'): string {
  const model = /^models\/([^/]+)$/.exec(name)?.[1];
  if (model === undefined) throw notFound(field);
  return model;
}

/** Model and number of `models/<slug>/versions/<n>`. */
export function versionOf(name: string, field = 'name'): { model: string; version: number } {
  const [, model, version] = /^models\/([^/]+)\/versions\/([1-9]\d{0,8})$/.exec(name) ?? [];
  if (model === undefined || version === undefined) throw notFound(field);
  return { model, version: Number(version) };
}

export const versionName = (model: string, version: number): string => `models/${model}/versions/${version}`;
export const modelStream = (model: string): string => `model-${model}`;
export const deploymentStream = (model: string): string => `deployment-${model}`;
export const callStream = (callId: string): string => `call-${callId}`;
