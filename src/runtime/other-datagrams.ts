// Datagrams of other protocols on the same port: told apart by the bit that QUIC sets (RFC 9443 §3), handed to the
// application, and answered from the socket that they came to.

import { invalidArgType } from '../errors.ts';
import type { DatagramSocket } from '../udp/socket.ts';
import type { SocketAddress } from '../util/address.ts';

export interface OtherDatagram {
  readonly bytes: Uint8Array;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  /** Sends something back. False if there is no room for it now. */
  reply(bytes: Uint8Array): boolean;
}

export class OtherDatagrams {
  readonly #hook: ((datagram: OtherDatagram) => void) | null;

  constructor(hook: ((datagram: OtherDatagram) => void) | undefined) {
    if (hook !== undefined && typeof hook !== 'function')
      throw invalidArgType('onOtherDatagram', 'of type function', hook);
    this.#hook = hook ?? null;
  }

  /** A datagram that no connection is for; whether the application has it now. */
  take(bytes: Uint8Array, from: SocketAddress, to: SocketAddress, socket: DatagramSocket | null): boolean {
    const hook = this.#hook;
    if (hook === null || socket === null || (bytes.length > 0 && (bytes[0] & 0x40) !== 0)) return false;
    const reply = (answer: Uint8Array): boolean => socket.send(answer, 0, answer.length, from, 0, 0, to);
    try {
      hook({ bytes, from, to, reply });
    } catch (error) {
      // A stranger's datagram is no reason to stop serving the others.
      process.emitWarning(`onOtherDatagram failed: ${(error as Error)?.message ?? error}`);
    }
    return true;
  }
}
