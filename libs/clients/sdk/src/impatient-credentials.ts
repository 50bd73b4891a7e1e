import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

const ANSWER_MS_MAX = 4_000;

/**
 * Plain connections that are given up when the other side accepts them and then says nothing, not even its HTTP/2 settings.
 * grpc-js waits for those without end: behind a connection that is half open from its first byte on, every call of the channel
 * would run into its deadline for as long as the process lives, because pings begin only once a connection is ready.
 */
export function impatientCredentials(answerMsMax = ANSWER_MS_MAX): ChannelCredentials {
  const plain = credentials.createInsecure();
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
  return plain;
}
