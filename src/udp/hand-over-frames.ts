/**
 * Datagrams in a stream of bytes between processes: length, ECN, both addresses, the datagram. Both ends are ours; still,
 * whatever comes is read within bounds, and what cannot be read ends the stream.
 */
import { formatAddress, parseAddress, type SocketAddress } from '../util/address.ts';
import { concat, copyBytes, EMPTY } from '../util/bytes.ts';
import type { DatagramHandler } from './socket.ts';

/** A datagram with its addresses as one frame. */
export function handOverFrame(
  bytes: Uint8Array,
  from: SocketAddress,
  to: SocketAddress,
  ecn: number,
): Uint8Array {
  const addresses = ENCODER.encode(`${formatAddress(from)} ${formatAddress(to)}`);
  const frame = new Uint8Array(HEAD + addresses.length + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length);
  view.setUint8(4, ecn);
  view.setUint16(5, addresses.length);
  frame.set(addresses, HEAD);
  frame.set(bytes, HEAD + addresses.length);
  return frame;
}

/** Reads frames from pieces of a stream. */
export class HandOverReader {
  readonly #take: DatagramHandler;
  #rest: Uint8Array = EMPTY;

  constructor(take: DatagramHandler) {
    this.#take = take;
  }

  /** False: this is no stream of frames. */
  push(piece: Uint8Array): boolean {
    let bytes = this.#rest.length === 0 ? piece : concat([this.#rest, piece]);
    while (bytes.length >= HEAD) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const length = view.getUint32(0);
      const datagramAt = HEAD + view.getUint16(5);
      if (length > MAX_FRAME || datagramAt > length) return false;
      if (bytes.length < length) break;
      const [from, to] = DECODER.decode(bytes.subarray(HEAD, datagramAt)).split(' ').map(parseAddress);
      if (from === null || from === undefined || to === null || to === undefined) return false;
      this.#take(copyBytes(bytes, datagramAt, length), from, to, view.getUint8(4) & 3);
      bytes = bytes.subarray(length);
    }
    this.#rest = copyBytes(bytes);
    return true;
  }
}

const HEAD = 7;
/** A UDP datagram of the largest size, and room for addresses with zones. */
const MAX_FRAME = 65_535 + 1024;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
