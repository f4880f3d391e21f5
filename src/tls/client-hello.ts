/**
 * Makes the ClientHello of a client: which extensions it has, in which order, and what the server may answer to.
 */

import type { Writer } from '../wire/writer.ts';
import { writeCompressions } from './certificate-compression.ts';
import type { TlsClientConfig } from './engine.ts';
import {
  isSendableServerName,
  type KeyShareEntry,
  writeCodes,
  writeCookie,
  writeKeyShare,
  writeProtocols,
  writeServerName,
  writeStatusRequest,
} from './extension-codecs.ts';
import { Extension, writeExtension } from './extensions.ts';
import { encodeClientHello, TLS_1_3 } from './hello-codec.ts';
import {
  offeredPsksLength,
  type PskIdentity,
  PskMode,
  writeOfferedPsks,
  writePskModes,
} from './psk-codec.ts';

/** What a client offers; the same in both hellos of a handshake. */
export interface Offer {
  readonly random: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureSchemes: readonly number[];
  readonly compressions: readonly number[];
}

/** What may differ between the two hellos. */
export interface HelloDetails {
  readonly shares: readonly KeyShareEntry[];
  /** That of a HelloRetryRequest. */
  readonly cookie: Uint8Array | null;
  readonly psks: readonly PskIdentity[];
  /** Bytes of each binder. */
  readonly binderLengths: readonly number[];
  readonly earlyData: boolean;
}

export interface MadeClientHello {
  /** With zeros for the binders. */
  readonly raw: Uint8Array;
  /** Bytes at the end of `raw` that hold the binders, with the length of their list; 0 without a PSK. */
  readonly bindersLength: number;
  /** Code points that the server may answer. */
  readonly offered: ReadonlySet<number>;
}

export function makeClientHello(
  config: TlsClientConfig,
  offer: Offer,
  details: HelloDetails,
): MadeClientHello {
  const { shares, cookie, psks, binderLengths } = details;
  const parts: [code: number, write: (writer: Writer) => void][] = [];
  const name = config.serverName?.replace(/\.$/, '') ?? '';
  if (isSendableServerName(name)) parts.push([Extension.SERVER_NAME, (w) => writeServerName(w, name)]);
  parts.push(
    [
      Extension.SUPPORTED_GROUPS,
      (w) => writeExtension(w, Extension.SUPPORTED_GROUPS, (body) => writeCodes(body, offer.groups, 2)),
    ],
    [
      Extension.SIGNATURE_ALGORITHMS,
      (w) =>
        writeExtension(w, Extension.SIGNATURE_ALGORITHMS, (body) =>
          writeCodes(body, offer.signatureSchemes, 2),
        ),
    ],
    [
      Extension.SUPPORTED_VERSIONS,
      (w) => writeExtension(w, Extension.SUPPORTED_VERSIONS, (body) => writeCodes(body, [TLS_1_3], 1)),
    ],
    [Extension.KEY_SHARE, (w) => writeShares(w, shares)],
  );
  if (config.alpn.length > 0) {
    parts.push([Extension.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, (w) => writeProtocols(w, config.alpn)]);
  }
  parts.push([
    Extension.QUIC_TRANSPORT_PARAMETERS,
    (w) =>
      writeExtension(w, Extension.QUIC_TRANSPORT_PARAMETERS, (body) => body.copy(config.transportParameters)),
  ]);
  if (config.requestOcsp === true) parts.push([Extension.STATUS_REQUEST, writeStatusRequest]);
  const { compressions } = offer;
  if (compressions.length > 0) {
    parts.push([Extension.COMPRESS_CERTIFICATE, (w) => writeCompressions(w, compressions)]);
  }
  if (psks.length > 0 || (config.requestTickets ?? config.wallTime !== undefined)) {
    const modes = PSK_MODES[config.plainPsk ?? 'never'];
    parts.push([Extension.PSK_KEY_EXCHANGE_MODES, (w) => writePskModes(w, modes)]);
  }
  if (cookie !== null) parts.push([Extension.COOKIE, (w) => writeCookie(w, cookie)]);
  if (details.earlyData) parts.push([Extension.EARLY_DATA, (w) => writeExtension(w, Extension.EARLY_DATA)]);
  // Always the last, since the binders cover all that is before them (RFC 8446 §4.2.11).
  if (psks.length > 0) {
    parts.push([Extension.PRE_SHARED_KEY, (w) => writeOfferedPsks(w, psks, binderLengths)]);
  }
  const pskBytes = offeredPsksLength(psks, binderLengths);

  const capacity =
    FIXED_CAPACITY +
    name.length +
    2 * (offer.groups.length + offer.signatureSchemes.length + compressions.length) +
    shares.reduce((sum, share) => sum + 4 + share.publicKey.length, 0) +
    pskBytes.total +
    config.alpn.reduce((sum, protocol) => sum + 1 + protocol.length, 0) +
    config.transportParameters.length +
    (cookie?.length ?? 0);
  const raw = encodeClientHello(offer.random, offer.cipherSuites, capacity, (w) => {
    for (const [, write] of parts) write(w);
  });
  return {
    raw,
    bindersLength: psks.length > 0 ? pskBytes.binders : 0,
    offered: new Set(parts.map(([code]) => code)),
  };
}

function writeShares(writer: Writer, shares: readonly KeyShareEntry[]): void {
  writeExtension(writer, Extension.KEY_SHARE, (w) => {
    const list = w.openVector(2);
    for (const share of shares) writeKeyShare(w, share);
    w.closeVector(list, 2);
  });
}

/** Headers of all extensions and their inner lengths, with room to spare. */
const FIXED_CAPACITY = 160;
/** By the configuration's word for a PSK without (EC)DHE. */
const PSK_MODES = {
  never: [PskMode.PSK_DHE_KE],
  allow: [PskMode.PSK_DHE_KE, PskMode.PSK_KE],
  only: [PskMode.PSK_KE],
} as const;
