/**
 * Makes the ClientHello of a client: which extensions it has, in which order, and what the server may answer to.
 */

import type { Writer } from '../wire/writer.ts';
import type { TlsClientConfig } from './engine.ts';
import {
  isSendableServerName,
  type KeyShareEntry,
  writeCodes,
  writeCookie,
  writeKeyShare,
  writeProtocols,
  writePskModes,
  writeServerName,
  writeStatusRequest,
} from './extension-codecs.ts';
import { Extension, writeExtension } from './extensions.ts';
import { encodeClientHello, TLS_1_3 } from './hello-codec.ts';

/** What a client offers; the same in both hellos of a handshake. */
export interface Offer {
  readonly random: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureSchemes: readonly number[];
}

export interface MadeClientHello {
  readonly raw: Uint8Array;
  /** Code points that the server may answer. */
  readonly offered: ReadonlySet<number>;
}

/** `cookie` is that of a HelloRetryRequest. */
export function makeClientHello(
  config: TlsClientConfig,
  offer: Offer,
  share: KeyShareEntry,
  cookie: Uint8Array | null,
): MadeClientHello {
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
    [Extension.KEY_SHARE, (w) => writeShares(w, share)],
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
  if (config.requestTickets === true) parts.push([Extension.PSK_KEY_EXCHANGE_MODES, writePskModes]);
  if (cookie !== null) parts.push([Extension.COOKIE, (w) => writeCookie(w, cookie)]);

  const capacity =
    FIXED_CAPACITY +
    name.length +
    2 * (offer.groups.length + offer.signatureSchemes.length) +
    share.publicKey.length +
    config.alpn.reduce((sum, protocol) => sum + 1 + protocol.length, 0) +
    config.transportParameters.length +
    (cookie?.length ?? 0);
  const raw = encodeClientHello(offer.random, offer.cipherSuites, capacity, (w) => {
    for (const [, write] of parts) write(w);
  });
  return { raw, offered: new Set(parts.map(([code]) => code)) };
}

function writeShares(writer: Writer, share: KeyShareEntry): void {
  writeExtension(writer, Extension.KEY_SHARE, (w) => {
    const list = w.openVector(2);
    writeKeyShare(w, share);
    w.closeVector(list, 2);
  });
}

/** Headers of all extensions and their inner lengths, with room to spare. */
const FIXED_CAPACITY = 160;
