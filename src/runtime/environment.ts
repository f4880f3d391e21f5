// Where an endpoint gets its clock, sockets, randomness and cryptography from: the process's own, or a virtual host's.

import { nodeProvider, nodeRandom } from '../crypto/node-provider.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import { checkProvider } from '../crypto/provider-check.ts';
import { invalidArgValue, quicError } from '../errors.ts';
import { dgramSockets } from '../udp/dgram-socket.ts';
import { type GivenSocket, givenSocket } from '../udp/given-socket.ts';
import { nodeClock } from '../udp/node-clock.ts';
import type { SocketFactory } from '../udp/socket.ts';
import type { Clock } from '../util/clock.ts';
import { nativeState } from './native.ts';

export interface Environment {
  clock: Clock;
  sockets: SocketFactory;
  random: RandomSource;
  provider: CryptoProvider;
}

/**
 * What moves datagrams and protects packets. `dgram`: node:dgram and node:crypto, everywhere. `native`: the addon, or an
 * error. `auto`: the addon as far as there is one that works here.
 */
export type Backend = 'auto' | 'dgram' | 'native';

/**
 * The process's own clock, the system's randomness, and what the backend says.
 * @throws QuicError ERR_QUIC_NATIVE_UNAVAILABLE for `native` where the addon or its sockets cannot be used
 */
export function nodeEnvironment(backend: Backend = 'auto'): Environment {
  const portable = { clock: nodeClock, sockets: dgramSockets, random: nodeRandom(), provider: nodeProvider };
  if (backend === 'dgram') return portable;
  const { sockets, provider, reason, socketReason } = nativeState();
  if (backend === 'native' && sockets === null)
    throw quicError('ERR_QUIC_NATIVE_UNAVAILABLE', { reason: reason || socketReason });
  return { ...portable, sockets: sockets ?? dgramSockets, provider: provider ?? nodeProvider };
}

/** What the options `environment`, `backend`, `socket` and `cryptoProvider` say together. */
export function environmentOf(options: {
  environment?: Environment | undefined;
  backend?: Backend | undefined;
  socket?: GivenSocket | undefined;
  cryptoProvider?: CryptoProvider | undefined;
  address?: string | undefined;
  port?: number | undefined;
  receiveBufferSize?: number | undefined;
  sendBufferSize?: number | undefined;
  reusePort?: boolean | undefined;
}): Environment {
  const { environment, backend, socket, cryptoProvider } = options;
  if (backend !== undefined && !BACKENDS.includes(backend))
    throw invalidArgValue('backend', backend, "must be 'auto', 'dgram' or 'native'");
  if (environment !== undefined && backend !== undefined)
    throw invalidArgValue(
      'backend',
      backend,
      'cannot be chosen for an environment, which has its own sockets',
    );
  for (const name of SOCKET_OPTION_NAMES) {
    if (socket !== undefined && options[name] !== undefined)
      throw invalidArgValue(name, options[name], 'cannot be chosen for a socket that is given');
  }
  const chosen = environment ?? nodeEnvironment(backend);
  if (cryptoProvider !== undefined) checkProvider(cryptoProvider, chosen.random);
  return {
    ...chosen,
    ...(socket === undefined ? {} : { sockets: givenSocket(socket) }),
    ...(cryptoProvider === undefined ? {} : { provider: cryptoProvider }),
  };
}

const BACKENDS: readonly Backend[] = ['auto', 'dgram', 'native'];

/** What whoever makes a socket decides. */
const SOCKET_OPTION_NAMES = [
  'backend',
  'address',
  'port',
  'receiveBufferSize',
  'sendBufferSize',
  'reusePort',
] as const;
