// `parseHeader`: what can be known of a packet without any key, for users who route datagrams themselves.
// Owns: the public, allocating form of header parsing (quiche's `Header::from_slice`). The hot path is `readHeader`.

import { invalidArgType, outOfRange, quicError } from '../errors.ts';
import { copyBytes } from '../util/bytes.ts';
import { LONG_HEADER_BIT, MAX_CONNECTION_ID_LENGTH, RETRY_TAG_LENGTH } from './packet-type.ts';
import { Reader, Truncated } from './reader.ts';
import { VERSION_1, versionInfo } from './versions.ts';

/** A header in words. The bytes are copies and may be kept. */
export interface ParsedHeader {
  /** Of a version that the library cannot read, this is what version 1 would mean by the same bits. */
  readonly type: 'initial' | 'zero-rtt' | 'handshake' | 'retry' | 'version-negotiation' | 'short';
  /** 0 for short headers and Version Negotiation. */
  readonly version: number;
  readonly dcid: Uint8Array;
  /** Empty for short headers. */
  readonly scid: Uint8Array;
  /** Initial (possibly empty) and Retry, in versions that the library can read. */
  readonly token?: Uint8Array;
  /** Version Negotiation only: what the server offers. */
  readonly versions?: readonly number[];
}

/**
 * Reads the first packet's header in `buf`; nothing is decrypted, so packet number and key phase stay hidden.
 * `dcidLength`: bytes of your own connection ids, which short headers do not tell.
 * Throws `QuicError`: `ERR_QUIC_BUFFER_TOO_SHORT` when cut off, `ERR_QUIC_INVALID_PACKET` for an id over 20 bytes
 * in a known version (other versions may have 255). The fixed bit is not looked at.
 */
export function parseHeader(buf: Uint8Array, dcidLength: number): ParsedHeader {
  if (!(buf instanceof Uint8Array)) throw invalidArgType('buf', 'an instance of Uint8Array', buf);
  if (typeof dcidLength !== 'number') throw invalidArgType('dcidLength', 'of type number', dcidLength);
  if (!Number.isInteger(dcidLength) || dcidLength < 0 || dcidLength > MAX_CONNECTION_ID_LENGTH) {
    throw outOfRange('dcidLength', 'an integer from 0 to 20', dcidLength);
  }
  try {
    return parse(new Reader(buf), dcidLength);
  } catch (error) {
    if (error instanceof Truncated) throw quicError('ERR_QUIC_BUFFER_TOO_SHORT');
    throw error;
  }
}

function parse(reader: Reader, dcidLength: number): ParsedHeader {
  const first = reader.u8();
  if ((first & LONG_HEADER_BIT) === 0) {
    return { type: 'short', version: 0, dcid: copyBytes(reader.take(dcidLength)), scid: new Uint8Array(0) };
  }
  const version = reader.u32();
  const info = versionInfo(version);
  const limit = info === undefined ? 255 : MAX_CONNECTION_ID_LENGTH;
  const dcid = connectionId(reader, limit);
  const scid = connectionId(reader, limit);
  if (version === 0) {
    const versions: number[] = [];
    while (reader.remaining > 0) versions.push(reader.u32());
    return { type: 'version-negotiation', version, dcid, scid, versions };
  }
  const type = TYPE_NAMES[(info ?? VERSION_1).typeOfBits[(first >> 4) & 0x03]];
  if (info === undefined) return { type, version, dcid, scid };
  if (type === 'initial')
    return { type, version, dcid, scid, token: copyBytes(reader.take(reader.varint())) };
  if (type === 'retry') {
    return { type, version, dcid, scid, token: copyBytes(reader.take(reader.remaining - RETRY_TAG_LENGTH)) };
  }
  return { type, version, dcid, scid };
}

function connectionId(reader: Reader, limit: number): Uint8Array {
  const length = reader.u8();
  if (length > limit)
    throw quicError('ERR_QUIC_INVALID_PACKET', { message: `A connection id of ${length} bytes` });
  return copyBytes(reader.take(length));
}

/** Indexed by `PacketType`, long headers only. */
const TYPE_NAMES = ['initial', 'zero-rtt', 'handshake', 'retry'] as const;
