import { createServer } from 'node:net';

/** The port that was asked for is in use; whoever parsed the options says which option names it. */
export class PortTakenError extends Error {
  readonly port: number;
  constructor(port: number, what: string) {
    super(`port ${port} for ${what} is already in use`);
    this.name = 'PortTakenError';
    this.port = port;
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, rejectListen) => {
    const server = createServer();
    server.once('error', rejectListen);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

/** A port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  return listenOnce(0);
}

/** Throws `PortTakenError` where somebody listens on the port already. */
export async function assertPortFree(port: number, what: string): Promise<void> {
  await listenOnce(port).catch(() => {
    throw new PortTakenError(port, what);
  });
}
