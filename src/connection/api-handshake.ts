// What the public core tells about its handshake: who the peer is, what was agreed on, and keys for the application.

import { checkExport } from '../tls/exporter-arguments.ts';
import { EMPTY } from '../util/bytes.ts';
import type { TransportParameters } from '../wire/transport-parameters.ts';
import { ConnectionPaths } from './api-paths.ts';
import { peerParametersOf } from './api-stats.ts';
import { groupName } from './tls-options.ts';

export abstract class ConnectionHandshake extends ConnectionPaths {
  /** The application protocol that was agreed on; empty until then. */
  get alpnProtocol(): string {
    return this.core.handshake.engine.alpn ?? '';
  }

  /** The name that the client asked for; null until known, or if it gave none. */
  get serverName(): string | null {
    return this.core.handshake.engine.serverName;
  }

  /** The peer's certificate in DER; null without one. */
  get peerCertificate(): Uint8Array | null {
    return this.core.handshake.engine.peerCertificates[0] ?? null;
  }

  /** What the peer sent of its chain in DER, its own certificate first; null without one. */
  get peerCertificates(): readonly Uint8Array[] | null {
    const { peerCertificates } = this.core.handshake.engine;
    return peerCertificates.length === 0 ? null : peerCertificates;
  }

  /** The peer's transport parameters (RFC 9000 §18.2); null until they came. */
  get peerTransportParameters(): TransportParameters | null {
    return peerParametersOf(this.core);
  }

  /** The group of the key agreement, as in the option `groups`; null until known. */
  get keyExchangeGroup(): string | null {
    return groupName(this.core.handshake.engine.group);
  }

  /** Client: the OCSP response that came with the server's certificate, in DER (RFC 6066 §8); null without one. */
  get ocspResponse(): Uint8Array | null {
    return this.core.handshake.engine.ocspResponse;
  }

  /**
   * Keying material that both sides and nobody else have (RFC 8446 §7.5), as Node's `tls.TLSSocket` gives it: the same for
   * the same length (bytes), label and context. Without a context it is that of an empty one.
   *
   * Throws ERR_QUIC_INVALID_STATE before the handshake is complete.
   */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array = EMPTY): Uint8Array {
    checkExport(length, label, context);
    return this.core.handshake.engine.exporter(label, context, length);
  }
}
