/**
 * Many server connections behind one router on one virtual address, with an echo on every stream: what an endpoint does,
 * without sockets and promises, so that a test can look into every connection.
 */

import type { ConnectionConfig } from '../../src/connection/config.ts';
import { ConnectionCore } from '../../src/connection/connection.ts';
import type { SendInfo } from '../../src/connection/connection-io.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { RandomIds } from '../../src/routing/id-generator.ts';
import { ResetTokens } from '../../src/routing/reset-tokens.ts';
import { Router } from '../../src/routing/router.ts';
import { SealedTokens } from '../../src/routing/sealed-tokens.ts';
import type { SocketAddress } from '../../src/util/address.ts';
import { echo, isQuicError, serverConfig } from './cores.ts';

interface Member {
  core: ConnectionCore;
  events: ConnectionEvent[];
  original: { id: Uint8Array; from: SocketAddress };
  ids: Set<Uint8Array>;
}

interface Reply {
  bytes: Uint8Array;
  from: SocketAddress;
  to: SocketAddress;
}

export class TestServer {
  readonly router: Router<ConnectionCore>;
  readonly members: Member[] = [];
  readonly #replies: Reply[] = [];
  readonly #config: (index: number) => ConnectionConfig;

  constructor(seed: number | string, changes: Partial<ConnectionConfig> = {}) {
    const random = seededRandom(`${seed} router`);
    const secret = new Uint8Array(32).fill(7);
    this.router = new Router({
      provider: nodeProvider,
      random,
      ids: new RandomIds(random),
      resetTokens: new ResetTokens(nodeProvider, new KeyRing(secret)),
      tokens: new SealedTokens(nodeProvider, random, new KeyRing(secret)),
      admission: 'accept',
    });
    this.#config = (index) => ({
      ...serverConfig(`${seed} ${index}`),
      handshakeTimeout: 10_000,
      idSource: this.router.idSource,
      ...changes,
    });
  }

  recv(datagram: Uint8Array, info: { from: SocketAddress; to: SocketAddress }, now: number): void {
    const { from, to } = info;
    const result = this.router.route(datagram, from, to, now, now);
    if (result.kind === 'drop' && result.reason === 'internal-error') throw new Error('the router failed');
    if (result.kind === 'reply') this.#replies.push({ bytes: result.reply.slice(), from: to, to: from });
    else if (result.kind === 'connection')
      this.#give(result.connection as ConnectionCore, datagram, info, now);
    else if (result.kind === 'incoming' && result.incoming !== null) {
      const { incoming } = result;
      const datagrams = this.router.accept(incoming, now) ?? [];
      const { connectionId, resetToken } = this.router.idSource.next();
      const core = new ConnectionCore(
        this.#config(this.members.length),
        {
          isServer: true,
          local: to,
          remote: from,
          localId: connectionId,
          remoteId: incoming.sourceId,
          originalDestinationId: incoming.originalDestinationId,
          retrySourceId: incoming.retrySourceId,
          addressValidated: incoming.addressValidated,
          resetToken,
        },
        now,
      );
      const original = { id: incoming.destinationId, from };
      this.members.push({ core, events: [], original, ids: new Set([connectionId]) });
      this.router.addId(connectionId, core);
      this.router.addOriginal(original.id, from, core);
      for (const each of datagrams) this.#give(core, each, info, now);
    }
    for (const member of this.members) this.#look(member, now);
  }

  send(out: Uint8Array, now: number): Pick<SendInfo, 'length' | 'segmentSize' | 'from' | 'to'> | null {
    const reply = this.#replies.shift();
    if (reply !== undefined) {
      out.set(reply.bytes);
      return { length: reply.bytes.length, segmentSize: reply.bytes.length, from: reply.from, to: reply.to };
    }
    for (const { core } of this.members) {
      const sent = core.send(out, now);
      if (sent !== null) return sent;
    }
    return null;
  }

  timeoutAt(): number | null {
    let at = this.router.deadline;
    for (const { core } of this.members) at = Math.min(at, core.timeoutAt() ?? Number.POSITIVE_INFINITY);
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  onTimeout(now: number): void {
    this.router.expire(now);
    for (const member of this.members) {
      member.core.onTimeout(now);
      this.#look(member, now);
    }
  }

  #give(
    core: ConnectionCore,
    datagram: Uint8Array,
    info: { from: SocketAddress; to: SocketAddress },
    now: number,
  ): void {
    try {
      core.recv(datagram, info, now);
    } catch (error) {
      if (!isQuicError(error)) throw error;
    }
  }

  /** Events to the router, and the echo. */
  #look(member: Member, now: number): void {
    const { core, events, original } = member;
    for (let event = core.nextEvent(); event !== null; event = core.nextEvent()) {
      events.push(event);
      if (event.type === 'id-issued') {
        member.ids.add(event.connectionId);
        this.router.addId(event.connectionId, core);
      } else if (event.type === 'id-retired') this.router.removeId(event.connectionId);
      else if (event.type === 'closed') {
        this.router.closed(core.localIds.all(), now + 1000, [original]);
      }
    }
    echo(core);
  }
}
