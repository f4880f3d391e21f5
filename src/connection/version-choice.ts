// Which QUIC version a connection has: the one that it began with, the switch to a compatible one in the handshake, and
// the checks against a downgrade (RFC 9368, RFC 9369 §4). Owns the keys of Initial packets, which hang on the version.

import { initialKeys } from '../crypto/initial-keys.ts';
import type { Opener } from '../crypto/provider.ts';
import { quicError, TransportError, TransportErrorCode } from '../errors.ts';
import type { TlsSession } from '../tls/session.ts';
import { FRAME } from '../wire/frame-table.ts';
import { PacketType } from '../wire/packet-type.ts';
import { decodeTransportParameters, type TransportParameters } from '../wire/transport-parameters.ts';
import {
  isReservedVersion,
  reservedVersion,
  reservedVersionInfo,
  VERSION_1,
  type VersionInfo,
  versionInfo,
} from '../wire/versions.ts';
import type { ConnectionConfig } from './config.ts';
import type { ConnectionParts } from './parts.ts';
import { type PacketNumberSpace, Space } from './space.ts';

type VersionInformation = NonNullable<TransportParameters['versionInformation']>;

/** The version that a connection begins with. Throws ERR_QUIC_UNKNOWN_VERSION. */
export function firstVersion(
  config: Pick<ConnectionConfig, 'version' | 'versions' | 'sessions'>,
): VersionInfo {
  const session = config.sessions?.session;
  // RFC 9369 §4: who gave out a session for a version means to speak it for as long as that session is good.
  const resumed = session === undefined ? config.version : sessionVersion(session);
  const version = config.versions?.includes(resumed) ? resumed : config.version;
  const info = versionInfo(version) ?? reservedVersionInfo(version);
  if (info === undefined) throw quicError('ERR_QUIC_UNKNOWN_VERSION');
  return info;
}

export class VersionChoice {
  readonly #parts: ConnectionParts;
  /** Versions that may come of this, preferred first. */
  readonly #offered: readonly number[];
  /** Where the Initial secrets come from: a destination id of the client. */
  #keyId: Uint8Array;
  /** Reads Initials of another version than that which is sent. */
  #other: { version: number; opener: Opener } | null = null;
  /** Client: a Version Negotiation packet was followed. */
  #restarted = false;
  /** Client: the server has answered in this version, so that there will be no switch any more. */
  #settled = false;

  constructor(parts: ConnectionParts, keyId: Uint8Array) {
    this.#parts = parts;
    const { version, versions } = parts.config;
    this.#offered = versions ?? [isReservedVersion(version) ? VERSION_1.version : version];
    this.#keyId = keyId;
  }

  /** Initial packets get keys of the version in use; after a Retry from another id (RFC 9001 §5.2). */
  setInitialKeys(keyId: Uint8Array = this.#keyId): void {
    const { isServer, config, header, spaces } = this.#parts;
    this.#keyId = keyId;
    const initial = spaces[Space.INITIAL] as PacketNumberSpace;
    const { client, server } = initialKeys(config.provider, header.version, keyId);
    initial.setSendKeys(isServer ? server : client);
    initial.setReceiveKeys(isServer ? client : server);
  }

  /**
   * What version_information says (RFC 9368 §3); undefined while nothing but version 1 is thought of, except that whoever
   * greases shows peers from the beginning that there may be more.
   */
  get information(): VersionInformation | undefined {
    const chosen = this.#parts.header.version.version;
    const isPlain = this.#offered.length === 1 && chosen === VERSION_1.version && !this.#restarted;
    const { isServer, remoteParameters, config } = this.#parts;
    if (isPlain && !(isServer ? remoteParameters.versionInformation : config.grease)) return undefined;
    const available = this.#offered.includes(chosen) ? this.#offered : [chosen, ...this.#offered];
    if (!config.grease) return { chosen, available };
    // RFC 9368 §3: reserved versions may stand among the others, and are ignored.
    const place = config.random.integer(available.length + 1);
    const reserved = reservedVersion(config.random.integer(2 ** 32), chosen);
    return { chosen, available: [...available.slice(0, place), reserved, ...available.slice(place)] };
  }

  /** Client: the session that a first flight of this version may resume (RFC 9369 §5). */
  usable(session: TlsSession | undefined): TlsSession | undefined {
    if (session === undefined) return undefined;
    return sessionVersion(session) === this.#parts.header.version.version ? session : undefined;
  }

  /** Whether packets of this version and type are read, now or when their keys are there. */
  accepts(version: number, type: number): boolean {
    const { header, isServer } = this.#parts;
    // RFC 9369 §4.1: 0-RTT packets are of the version of the first flight, always.
    if (type === PacketType.ZERO_RTT) return version === header.original.version;
    if (version === header.version.version) return true;
    if (isServer) return type === PacketType.INITIAL && version === header.original.version;
    return type !== PacketType.RETRY && !this.#settled && this.#offered.includes(version);
  }

  /** Opens Initial packets of a version that `accepts` let through; null once there is no use for them. */
  initialOpener(version: number): Opener | null {
    const { config, header, spaces, isServer } = this.#parts;
    const { opener } = spaces[Space.INITIAL] as PacketNumberSpace;
    if (opener === null || version === header.version.version) return opener;
    if (this.#other?.version !== version) {
      const info = versionInfo(version);
      if (info === undefined) return null;
      const { client, server } = initialKeys(config.provider, info, this.#keyId);
      this.#other = { version, opener: (isServer ? client : server).opener() };
    }
    return this.#other.opener;
  }

  /** A long header packet was authentic: the first one of another version tells a client what the server chose. */
  onAuthenticPacket(version: number): void {
    const { isServer, header } = this.#parts;
    if (isServer || version === header.version.version) return;
    this.#settled = true;
    this.#switch(version);
  }

  /** Handshake keys are there: they belong to the version in use, and so does all that follows. */
  onHandshakeKeys(): void {
    this.#settled = true;
  }

  /**
   * Client: follows a Version Negotiation packet that lists these versions, once (RFC 9368 §2.1). False for one that is
   * ignored.
   */
  follow(listed: readonly number[], now: number): boolean {
    const { header, closer } = this.#parts;
    // RFC 9000 §6.2: a list with the version that was tried is no honest answer.
    if (this.#restarted || listed.includes(header.version.version)) return false;
    const version = versionInfo(this.#preferred(listed) ?? 0);
    if (version === undefined) {
      closer.abandon(quicError('ERR_QUIC_VERSION_NEGOTIATION', { remote: true }), false);
      return true;
    }
    this.#restarted = true;
    header.version = version;
    header.original = version;
    this.#parts.restart(now);
    return true;
  }

  /** The peer's version_information (RFC 9368 §4). A server switches to what it prefers of what the client can. */
  onPeerInformation(information: VersionInformation | undefined): void {
    if (this.#parts.isServer) this.#onClientInformation(information);
    else this.#checkServerInformation(information);
  }

  #onClientInformation(information: VersionInformation | undefined): void {
    if (information === undefined) return;
    const { chosen, available } = information;
    if (!available.includes(chosen)) {
      throw new TransportError(
        TransportErrorCode.TRANSPORT_PARAMETER_ERROR,
        FRAME.CRYPTO,
        'the chosen version is not among the available ones',
      );
    }
    if (chosen !== this.#parts.header.original.version)
      throw downgrade('the chosen version is not the one in use');
    const version = this.#preferred(available);
    if (version !== undefined && version !== chosen) this.#switch(version);
  }

  #checkServerInformation(information: VersionInformation | undefined): void {
    const { version, original } = this.#parts.header;
    if (information === undefined) {
      // With one version to choose from, nobody can have led us to a worse one.
      const wasNegotiated = (this.#restarted && this.#offered.length > 1) || version !== original;
      if (wasNegotiated) throw downgrade('version_information is missing');
      return;
    }
    const { chosen, available } = information;
    if (chosen !== version.version) throw downgrade('the chosen version is not the one in use');
    if (!this.#restarted) return;
    // RFC 9368 §4: knowing the server's true list we would have tried the same version.
    if (available.length === 0 || this.#preferred([...available, chosen]) !== original.version)
      throw downgrade('the list of versions was forged');
  }

  #preferred(listed: readonly number[]): number | undefined {
    return this.#offered.find((version) => listed.includes(version));
  }

  /** RFC 9369 §4.1: from here on all but 0-RTT is sent in this version. */
  #switch(version: number): void {
    const { header, spaces } = this.#parts;
    const info = versionInfo(version);
    if (info === undefined) return;
    const { opener } = spaces[Space.INITIAL] as PacketNumberSpace;
    // A server reads Initials of the first version for as long as it reads Initials.
    const other = opener === null ? null : { version: header.version.version, opener };
    header.version = info;
    this.setInitialKeys();
    this.#other = other;
  }
}

/** The version of the connection that gave out the session: its server said so, or it was version 1. */
function sessionVersion(session: TlsSession): number {
  try {
    const { versionInformation } = decodeTransportParameters(session.transportParameters, 'server');
    return versionInformation?.chosen ?? VERSION_1.version;
  } catch {
    return VERSION_1.version;
  }
}

function downgrade(reason: string): TransportError {
  return new TransportError(TransportErrorCode.VERSION_NEGOTIATION_ERROR, FRAME.CRYPTO, reason);
}
