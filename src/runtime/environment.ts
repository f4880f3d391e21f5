// Where an endpoint gets its clock, sockets, randomness and cryptography from: the process's own, or a virtual host's.

import { nodeProvider, nodeRandom } from '../crypto/node-provider.ts';
import type { CryptoProvider, RandomSource } from '../crypto/provider.ts';
import { dgramSockets } from '../udp/dgram-socket.ts';
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

/** The process's own clock, sockets over node:dgram, the system's randomness; node:crypto, with the addon if there is one. */
export function nodeEnvironment(): Environment {
  const provider = nativeState().provider ?? nodeProvider;
  return { clock: nodeClock, sockets: dgramSockets, random: nodeRandom(), provider };
}
