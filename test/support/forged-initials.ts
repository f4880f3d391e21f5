/** First Initials of clients that do not exist: each is valid, has an id of its own, and never goes on. */
import type { RandomSource } from '../../src/crypto/provider.ts';
import { writeCrypto } from '../../src/wire/frame-writer.ts';
import { HostilePeer } from './hostile-peer.ts';
import { openInitial, sealInitial } from './initial-packets.ts';

export class ForgedInitials {
  readonly #hello: Uint8Array;
  readonly #sourceId: Uint8Array;
  readonly #random: RandomSource;

  /** All say the hello of one client, which costs no key agreement here. */
  constructor(random: RandomSource, alpn: string[] = ['test']) {
    const local = { address: '192.0.2.66', port: 1, family: 4 } as const;
    const peer = new HostilePeer({ seed: 'forged', local, remote: { ...local, port: 2 }, alpn });
    peer.flush();
    const [first] = peer.queue as [Uint8Array];
    const dcid = first.subarray(6, 6 + (first[5] as number));
    const packet = openInitial(first, dcid, 'client');
    if (packet === null || packet.crypto.length !== 1) throw new Error('the hello is expected in one frame');
    this.#hello = packet.crypto[0]?.data as Uint8Array;
    this.#sourceId = packet.sourceId;
    this.#random = random;
  }

  next(): Uint8Array {
    const destinationId = new Uint8Array(8);
    this.#random.fill(destinationId);
    return sealInitial({
      keyId: destinationId,
      sender: 'client',
      destinationId,
      sourceId: this.#sourceId,
      packetNumber: 0,
      frames: (writer) => writeCrypto(writer, 0, this.#hello, 0, this.#hello.length),
    });
  }
}
