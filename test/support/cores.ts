/** Connection cores for tests that need no network: configurations, and the making of either side. */
import {
  type ConnectionConfig,
  DEFAULT_TRANSPORT_CONFIG,
  type Identity,
} from '../../src/connection/config.ts';
import { ConnectionCore } from '../../src/connection/connection.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { PacketHeader, PacketType, readHeader } from '../../src/wire/header.ts';
import { seededIdentity } from './certificates.ts';
import { ROOMY } from './core-pair.ts';
import { loggedTrace } from './logged-trace.ts';

export interface CoreOptions {
  seed: number | string;
  local: SocketAddress;
  remote: SocketAddress;
  now?: number;
  changes?: Partial<ConnectionConfig>;
}

/** A seeded configuration with room for everything; peers are not verified. */
function baseConfig(seed: string): ConnectionConfig {
  const random = seededRandom(seed);
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length);
    random.fill(out);
    return out;
  };
  return {
    provider: nodeProvider,
    random,
    trace: loggedTrace(),
    transport: { ...DEFAULT_TRANSPORT_CONFIG, ...ROOMY },
    version: 1,
    cipherSuites: undefined,
    groups: undefined,
    handshakeTimeout: 0,
    maxAmplificationFactor: 3,
    grease: true,
    streamNotices: false,
    idSource: { next: () => ({ connectionId: bytes(8), resetToken: bytes(16) }) },
    alpn: ['test'],
    serverName: null,
    verifyPeer: false,
    requestOcsp: false,
    identity: undefined,
    answer: undefined,
    token: undefined,
  };
}

export function clientConfig(seed: number | string): ConnectionConfig {
  return { ...baseConfig(`${seed} client`), serverName: 'localhost' };
}

/** Answers every ClientHello at once, with the seeded identity and ALPN `test`. */
export function serverConfig(seed: number | string): ConnectionConfig {
  return {
    ...baseConfig(`${seed} server`),
    answer: { identity: coreIdentity(), alpn: ['test'], clientCertificate: 'none' },
  };
}

/** The seeded identity as a core takes it. */
export function coreIdentity(): Identity {
  if (identity === null) {
    const { certificates, keyPem } = seededIdentity();
    identity = { certificates: [...certificates], key: nodeProvider.privateKeyFrom(keyPem) };
  }
  return identity;
}

export function clientCore({ seed, local, remote, now = 0, changes = {} }: CoreOptions): ConnectionCore {
  const config = { ...clientConfig(seed), ...changes };
  const localId = new Uint8Array(8);
  const remoteId = new Uint8Array(8);
  config.random.fill(localId);
  config.random.fill(remoteId);
  return new ConnectionCore(
    config,
    {
      isServer: false,
      local,
      remote,
      localId,
      remoteId,
      originalDestinationId: null,
      retrySourceId: null,
      addressValidated: true,
      resetToken: null,
    },
    now,
  );
}

/** A server core for the connection that this datagram begins; null if it begins with no Initial. */
export function serverCore(
  datagram: Uint8Array,
  { seed, local, remote, now = 0, changes = {} }: CoreOptions,
): ConnectionCore | null {
  const header = new PacketHeader();
  if (!readHeader(datagram, 0, datagram.length, 8, header) || header.type !== PacketType.INITIAL) return null;
  const config = { ...serverConfig(seed), ...changes };
  const localId = new Uint8Array(8);
  const resetToken = new Uint8Array(16);
  config.random.fill(localId);
  config.random.fill(resetToken);
  return new ConnectionCore(
    config,
    {
      isServer: true,
      local,
      remote,
      localId,
      remoteId: datagram.slice(header.scidStart, header.scidStart + header.scidLength),
      originalDestinationId: datagram.slice(header.dcidStart, header.dcidStart + header.dcidLength),
      retrySourceId: null,
      addressValidated: false,
      resetToken,
    },
    now,
  );
}

/** Reads everything that came and sends it back on bidirectional streams. */
export function echo({ streams, state }: ConnectionCore): void {
  if (!state.isOpen) return;
  for (let id = streams.nextReadable(); id !== null; id = streams.nextReadable()) {
    try {
      for (let chunk = streams.streamRecvChunk(id); chunk !== null; chunk = streams.streamRecvChunk(id)) {
        if ((id & 2) === 0) streams.streamSend(id, chunk.data, chunk.fin);
        if (chunk.fin) break;
      }
    } catch (error) {
      // The other side reset the stream or stopped it.
      if (!isQuicError(error)) throw error;
    }
  }
}

export function isQuicError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_QUIC_');
}

let identity: Identity | null = null;
