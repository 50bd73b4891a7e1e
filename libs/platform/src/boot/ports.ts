/** The error of a listen that failed: a taken port is named with the option that chooses it. */
export function portTaken(cause: Error, host: string, port: number, option: string): Error {
  const taken = /EADDRINUSE/.test(cause.message) || ('code' in cause && cause.code === 'EADDRINUSE') || /No address added out of total/.test(cause.message);
  if (!taken) return cause;
  return new Error(`port ${port} on ${host} is already taken: free it or choose another with ${option}`, { cause });
}
