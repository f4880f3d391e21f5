// Keeps routing in step with the connections of an endpoint: which ids and reset tokens lead to which of them, from its
// first packet to the last late one. Knows no sockets.

import type { ConnectionEvent } from '../connection/events.ts';
import type { Router } from '../routing/router.ts';
import type { SocketAddress } from '../util/address.ts';
import type { DrivenConnection } from './driven-connection.ts';

export class ConnectionRoutes {
  readonly #router: Router<DrivenConnection>;

  constructor(router: Router<DrivenConnection>) {
    this.#router = router;
  }

  add(driven: DrivenConnection, connectionId: Uint8Array): void {
    driven.ids.push(connectionId);
    this.#router.addId(connectionId, driven);
  }

  /** Until the handshake is confirmed a client may use the id that it made up. */
  addOriginal(driven: DrivenConnection, id: Uint8Array, from: SocketAddress): void {
    this.#router.addOriginal(id, from, driven);
    driven.original = { id, from };
  }

  onEvent(driven: DrivenConnection, event: ConnectionEvent): void {
    const router = this.#router;
    switch (event.type) {
      case 'id-issued':
        this.add(driven, event.connectionId);
        return;
      case 'id-retired':
        router.removeId(event.connectionId);
        driven.ids = driven.ids.filter((id) => id !== event.connectionId);
        return;
      case 'reset-token-added': {
        const { all, active } = driven.core.paths;
        const from = (all.find(({ remoteId }) => remoteId.resetToken === event.token) ?? active).remote;
        router.addResetToken(event.token, from, driven);
        driven.resetTokens.push({ token: event.token, from });
        return;
      }
      case 'reset-token-removed':
        // The peer may have moved since: the table knows the token by the address of that time.
        for (const { token, from } of driven.resetTokens) {
          if (token === event.token) router.removeResetToken(token, from, driven);
        }
        driven.resetTokens = driven.resetTokens.filter(({ token }) => token !== event.token);
        return;
      case 'confirmed':
        // The client knows our id by now (RFC 9000 §7.2).
        if (driven.original !== null) router.removeOriginal(driven.original.id, driven.original.from);
        driven.original = null;
        return;
      default:
        return;
    }
  }

  /** The connection is gone; what still comes for it is absorbed for 3 PTO. */
  onClosed(driven: DrivenConnection, now: number): void {
    for (const { token, from } of driven.resetTokens) this.#router.removeResetToken(token, from, driven);
    const originals = driven.original === null ? [] : [driven.original];
    this.#router.closed(driven.ids, now + driven.core.closingPeriod(), originals);
  }
}
