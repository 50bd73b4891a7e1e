const ANSWER_MS_MAX = 4_000;

/** What of a socket is looked at. */
interface SocketLike {
  readonly bytesRead: number;
  destroy(error: Error): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** Credentials of grpc-js, as far as they make connections; by shape, so that this needs no gRPC. */
interface Connecting {
  _createSecureConnector(...args: never[]): { connect(socket: SocketLike): Promise<unknown> };
}

/**
 * Credentials whose connections are given up when the other side accepts them and then says nothing, not even its HTTP/2 settings.
 * grpc-js waits for those without end: behind a connection that is half open from its first byte on, every call of the channel
 * would run into its deadline for as long as the process lives, because pings begin only once a connection is ready.
 */
export function impatient<Credentials extends Connecting>(credentials: Credentials, answerMsMax = ANSWER_MS_MAX): Credentials {
  const plain: Connecting = credentials;
  const createSecureConnector = plain._createSecureConnector.bind(plain);
  plain._createSecureConnector = (...args) => {
    const connector = createSecureConnector(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      const late = setTimeout(() => socket.bytesRead === 0 && socket.destroy(new Error(`no answer within ${answerMsMax} ms of connecting`)), answerMsMax).unref();
      socket.once('close', () => clearTimeout(late));
      return connect(socket);
    };
    return connector;
  };
  return credentials;
}
