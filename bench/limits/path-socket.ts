/** The parts that a path is made of: sockets and packet protection, as nothing but themselves. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { nativeState } from '../../src/runtime/native.ts';
import type { SocketFactory } from '../../src/udp/socket.ts';

export const PACKET_SIZE = 1452;
const HOST = '127.0.0.1';
const SOCKET_BUFFER = 4 << 20;

export type PathName = 'node' | 'wasm' | 'native';

export interface PathSocket {
  readonly port: number;
  /** Datagrams of PACKET_SIZE each, the last may be shorter. */
  send(bytes: Uint8Array, start: number, length: number, port: number): void;
}

export type OnDatagram = (datagram: Uint8Array, port: number) => void;

export interface Path {
  readonly provider: CryptoProvider;
  readonly aead: 'aes-128-gcm' | 'chacha20-poly1305';
  readonly key: Uint8Array;
  bind(onDatagram: OnDatagram): Promise<PathSocket>;
}

/** Throws where the addon is not built. */
export function openPath(name: PathName): Path {
  if (name === 'node')
    return { provider: nodeProvider, aead: 'aes-128-gcm', key: new Uint8Array(16).fill(3), bind: bindDgram };
  if (name === 'wasm')
    return {
      provider: nodeProvider,
      aead: 'chacha20-poly1305',
      key: new Uint8Array(32).fill(3),
      bind: bindDgram,
    };
  const { provider, sockets, reason, socketReason } = nativeState();
  if (provider === null || sockets === null) throw new Error(`no addon: ${reason}${socketReason}`);
  return {
    provider,
    aead: 'aes-128-gcm',
    key: new Uint8Array(16).fill(3),
    bind: (onDatagram) => bindNative(sockets, onDatagram),
  };
}

async function bindDgram(onDatagram: OnDatagram): Promise<PathSocket> {
  const socket = createSocket('udp4');
  socket.bind(0, HOST);
  await once(socket, 'listening');
  // The kernel cuts this to its limit silently.
  socket.setRecvBufferSize(SOCKET_BUFFER);
  socket.setSendBufferSize(SOCKET_BUFFER);
  socket.on('message', (datagram, { port }) => onDatagram(datagram, port));
  return {
    port: socket.address().port,
    send: (bytes, start, length, port) => {
      for (let at = start; at < start + length; at += PACKET_SIZE)
        socket.send(bytes, at, Math.min(PACKET_SIZE, start + length - at), port, HOST);
    },
  };
}

async function bindNative(factory: SocketFactory, onDatagram: OnDatagram): Promise<PathSocket> {
  const socket = await factory.bind({ address: { address: HOST, port: 0, family: 4 } });
  socket.onDatagram = (datagram, { port }) => onDatagram(datagram, port);
  socket.onReadable = () => socket.receive?.(MOST_AT_ONCE);
  const remotes = new Map<number, { address: string; port: number; family: 4 }>();
  return {
    port: socket.localAddress.port,
    send: (bytes, start, length, port) => {
      const remote = remotes.get(port) ?? { address: HOST, port, family: 4 as const };
      remotes.set(port, remote);
      socket.send(bytes, start, length, remote, PACKET_SIZE);
    },
  };
}

/** Datagrams read in one go before others have their turn. */
const MOST_AT_ONCE = 1024;
