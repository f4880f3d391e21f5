// Moves of a client on its own account (RFC 9000 §9): probing and changing to other addresses, its own or the server's,
// and following the server's preferred address. Decides what is allowed; how paths work is in paths.ts.

import { type QuicError, quicError } from '../errors.ts';
import { isMulticast, isUnspecified, type SocketAddress, sameAddress } from '../util/address.ts';
import type { WireAddress } from '../wire/preferred-address.ts';
import type { ConnectionParts } from './parts.ts';
import type { Path } from './path.ts';

export class Migration {
  readonly #parts: ConnectionParts;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Asks whether the server answers between these addresses. Gives the number of the id that is used there. */
  probePath(local: SocketAddress, remote: SocketAddress, now: number): number | bigint {
    this.#check();
    const { paths } = this.#parts;
    const known = paths.find(local, remote);
    const path = known ?? this.#open(local, remote);
    if (known === null) paths.validate(path, now);
    else paths.probe(path, now);
    return path.remoteId.sequence;
  }

  /** Sends everything between these addresses from now on. Gives the number of the id that is used there. */
  migrate(local: SocketAddress, remote: SocketAddress, now: number): number | bigint {
    this.#check();
    const { paths } = this.#parts;
    const known = paths.find(local, remote);
    if (known !== null && known.localSequence < 0 && known !== paths.active) this.#needLocalId();
    const path = known ?? this.#open(local, remote);
    paths.moveTo(path, now);
    return path.remoteId.sequence;
  }

  /**
   * Goes to the server's preferred address of the family of `local` once that proves to answer. False if there is none,
   * or it cannot be used.
   */
  followPreferred(local: SocketAddress, now: number): boolean {
    const { paths, remoteParameters } = this.#parts;
    const { preferredAddress } = remoteParameters;
    const wire = local.family === 4 ? preferredAddress?.ipv4 : preferredAddress?.ipv6;
    const remote = usable(wire, local.family);
    if (remote === null || this.#refusal() !== null) return false;
    if (sameAddress(remote, paths.active.remote)) return false;
    const path = paths.find(local, remote) ?? this.#tryOpen(local, remote);
    if (path === null) return false;
    path.moveWhenValidated = true;
    paths.validate(path, now);
    return true;
  }

  /** RFC 9000 §9.6.1: the client goes to the preferred address after the handshake is confirmed. */
  onConfirmed(now: number): void {
    const { isServer, remoteParameters, transport, paths } = this.#parts;
    const { preferredAddress } = remoteParameters;
    if (isServer || preferredAddress === undefined) return;
    this.#parts.emit({
      type: 'preferred-address',
      ipv4: usable(preferredAddress.ipv4, 4),
      ipv6: usable(preferredAddress.ipv6, 6),
    });
    if (transport.followPreferredAddress) this.followPreferred(paths.active.local, now);
  }

  #check(): void {
    const refusal = this.#refusal();
    if (refusal !== null) throw refusal;
  }

  #refusal(): QuicError | null {
    const { isServer, state, handshake } = this.#parts;
    if (isServer) return invalid('a server cannot migrate');
    if (!state.isOpen) return invalid('the connection is closed');
    // RFC 9000 §9.
    if (!handshake.isConfirmed) return invalid('the handshake is not confirmed');
    return null;
  }

  #tryOpen(local: SocketAddress, remote: SocketAddress): Path | null {
    try {
      return this.#open(local, remote);
    } catch {
      return null;
    }
  }

  #open(local: SocketAddress, remote: SocketAddress): Path {
    const { paths, remoteParameters } = this.#parts;
    const { first } = paths;
    // RFC 9000 §18.2: the parameter is about the address that the server had during the handshake.
    const isForbidden = !sameAddress(local, first.local) && sameAddress(remote, first.remote);
    if (remoteParameters.disableActiveMigration && isForbidden) {
      throw invalid('the server does not support migration');
    }
    this.#needLocalId();
    const path = paths.openAsClient(local, remote);
    if (path === null) throw quicError('ERR_QUIC_OUT_OF_IDENTIFIERS');
    return path;
  }

  /** The server needs an id of ours that it uses on no other path. */
  #needLocalId(): void {
    const { paths, localIds } = this.#parts;
    const used = new Set(paths.all.map((path) => path.localSequence));
    if (!localIds.hasOtherThan(used)) throw quicError('ERR_QUIC_OUT_OF_IDENTIFIERS');
  }
}

/** Null for addresses that no server has: the parameter is no reason to write to them (RFC 9000 §21.5.3). */
function usable(wire: WireAddress | undefined, family: 4 | 6): SocketAddress | null {
  if (wire === undefined || wire.port === 0) return null;
  if (isUnspecified(wire.address) || isMulticast(wire.address)) return null;
  return { address: wire.address, port: wire.port, family };
}

function invalid(message: string): QuicError {
  return quicError('ERR_QUIC_INVALID_STATE', { message });
}
